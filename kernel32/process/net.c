/*
 * Windows Sockets: there is no network, and the API says so (WSAENETDOWN, by the
 * spec's refusals). What needs no network works.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/utf.h"

/* The last error of sockets is the thread's last error, as on Windows. */
INT ws2_WSAGetLastError(void)
{
    return (INT)last_error_get();
}

void ws2_WSASetLastError(INT iError)
{
    last_error_set((DWORD)iError);
}

#define DESCRIPTION "winmem: no network"

/* atomic: calls of WSAStartup that WSACleanup has not taken back */
static uint32_t startups;

/* Succeeds, so that programs that start sockets with their file layer can go on; every use of a
 * network then fails. */
INT ws2_WSAStartup(WORD wVersionRequested, LPWSADATA lpWSAData)
{
    if (!lpWSAData)
        return WSAEFAULT;
    if ((wVersionRequested & 0xFF) == 0)
        return WSAVERNOTSUPPORTED;
    *lpWSAData = (WSADATA){.wVersion = wVersionRequested, .wHighVersion = 0x0202};
    memcpy(lpWSAData->szDescription, DESCRIPTION, sizeof DESCRIPTION);
    __atomic_add_fetch(&startups, 1, __ATOMIC_RELAXED);
    return 0;
}

INT ws2_WSACleanup(void)
{
    uint32_t count = __atomic_load_n(&startups, __ATOMIC_RELAXED);
    while (count)
        if (__atomic_compare_exchange_n(&startups, &count, count - 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return 0;
    last_error_set(WSANOTINITIALISED);
    return -1;
}

USHORT ws2_htons(USHORT hostshort)
{
    return htons(hostshort);
}

USHORT ws2_ntohs(USHORT netshort)
{
    return ntohs(netshort);
}

ULONG ws2_htonl(ULONG hostlong)
{
    return htonl(hostlong);
}

ULONG ws2_ntohl(ULONG netlong)
{
    return ntohl(netlong);
}

/* INADDR_NONE for what is no address; "" is 0 and " " too (sdk-api winsock2/inet_addr). */
ULONG ws2_inet_addr(LPCSTR cp)
{
    struct in_addr address;
    if (!cp)
        return INADDR_NONE;
    if (!cp[0] || strcmp(cp, " ") == 0)
        return INADDR_ANY;
    return inet_aton(cp, &address) ? address.s_addr : INADDR_NONE;
}

#define FAMILY_INET  2
#define FAMILY_INET6 23 /* AF_INET6 has another number on Linux */

static int host_family(INT family)
{
    switch (family) {
    case FAMILY_INET:
        return AF_INET;
    case FAMILY_INET6:
        return AF_INET6;
    default:
        last_error_set(WSAEAFNOSUPPORT);
        return -1;
    }
}

INT ws2_inet_pton(INT Family, LPCSTR pszAddrString, PVOID pAddrBuf)
{
    int family = host_family(Family);
    return family < 0 ? -1 : inet_pton(family, pszAddrString, pAddrBuf);
}

LPCSTR ws2_inet_ntop(INT Family, LPCVOID pAddr, LPSTR pStringBuf, SIZE_T StringBufSize)
{
    int family = host_family(Family);
    if (family < 0)
        return NULL;
    socklen_t room = StringBufSize > 1024 ? 1024 : (socklen_t)StringBufSize;
    if (!inet_ntop(family, pAddr, pStringBuf, room)) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    return pStringBuf;
}

INT ws2_gethostname(LPSTR name, INT namelen)
{
    char host[256];
    if (gethostname(host, sizeof host) != 0) {
        last_error_set(WSAENETDOWN);
        return -1;
    }
    host[sizeof host - 1] = 0;
    if (!name || namelen <= 0 || strlen(host) >= (size_t)namelen) {
        last_error_set(WSAEFAULT);
        return -1;
    }
    strcpy(name, host);
    return 0;
}

/* Nothing was ever handed out that would have to be freed. */
void ws2_freeaddrinfo(PVOID pAddrInfo)
{
}

void ws2_FreeAddrInfoW(PVOID pAddrInfo)
{
}

void iphlp_FreeMibTable(PVOID Memory)
{
}

void dns_DnsRecordListFree(PVOID pRecordList, DWORD FreeType)
{
}

void crypt_CertFreeCertificateChain(PVOID pChainContext)
{
}

BOOL dns_DnsNameCompare_W(PCWSTR pName1, PCWSTR pName2)
{
    if (!pName1 || !pName2)
        return pName1 == pName2;
    return wide_compare_caseless(pName1, wide_length(pName1), pName2, wide_length(pName2)) == 0;
}

LPSTR ws2_inet_ntoa(DWORD in)
{
    static __thread char text[INET_ADDRSTRLEN];
    struct in_addr address = {.s_addr = in};
    return (LPSTR)inet_ntop(AF_INET, &address, text, sizeof text);
}

/* fd_set is a count and sockets behind it, not bits (winsock2.h). */
INT ws2___WSAFDIsSet(SOCKET fd, PVOID set)
{
    const struct {
        UINT count;
        SOCKET sockets[64]; /* FD_SETSIZE, unless the program chose another */
    } *members = set;
    for (UINT i = 0; i < members->count; i++)
        if (members->sockets[i] == fd)
            return 1;
    return 0;
}

LPCWSTR ws2_InetNtopW(INT Family, LPCVOID pAddr, LPWSTR pStringBuf, SIZE_T StringBufSize)
{
    char text[INET6_ADDRSTRLEN];
    if (!ws2_inet_ntop(Family, pAddr, text, sizeof text))
        return NULL;
    size_t length = strlen(text);
    if (length >= StringBufSize) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    pStringBuf[utf8_to_utf16(text, length, pStringBuf, length, NULL)] = 0;
    return pStringBuf;
}

INT ws2_InetPtonW(INT Family, LPCWSTR pszAddrString, PVOID pAddrBuf)
{
    char *text = utf8_from_wide(pszAddrString);
    INT result = text ? ws2_inet_pton(Family, text, pAddrBuf) : 0;
    free(text);
    return result;
}

INT ws2_GetHostNameW(LPWSTR name, INT namelen)
{
    char host[256];
    if (ws2_gethostname(host, sizeof host) != 0)
        return -1;
    size_t length = utf8_to_utf16(host, strlen(host), NULL, 0, NULL);
    if (!name || namelen <= 0 || length >= (size_t)namelen) {
        last_error_set(WSAEFAULT);
        return -1;
    }
    utf8_to_utf16(host, strlen(host), name, length, NULL);
    name[length] = 0;
    return 0;
}

void ws2_FreeAddrInfoExW(PVOID pAddrInfoEx)
{
}
