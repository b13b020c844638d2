/* Security identifiers: the structures, their text, and the few that have a name here. */
#include "kernel32/process/sid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/local_memory.h"
#include "kernel32/process/utf.h"

#define WORLD                                                                                      \
    {                                                                                              \
        0, 0, 0, 0, 0, 1                                                                           \
    }
#define NT                                                                                         \
    {                                                                                              \
        0, 0, 0, 0, 0, 5                                                                           \
    }
#define LABEL                                                                                      \
    {                                                                                              \
        0, 0, 0, 0, 0, 16                                                                          \
    }
#define DOMAIN 21, 1, 1, 1

const struct sid sid_user = {1, 5, NT, {DOMAIN, 1000}};
const struct sid sid_group = {1, 5, NT, {DOMAIN, 513}}; /* "None", the group of local users */
const struct sid sid_everyone = {1, 1, WORLD, {0}};
const struct sid sid_users = {1, 2, NT, {32, 545}};
const struct sid sid_integrity = {1, 1, LABEL, {0x2000}}; /* medium */

bool sid_is_valid(const struct sid *sid)
{
    return sid && sid->revision == 1 && sid->count <= SID_MAXIMUM_PARTS;
}

bool sid_equal(const struct sid *a, const struct sid *b)
{
    return a->count == b->count && memcmp(a, b, sid_size(a->count)) == 0;
}

BOOL adv_IsValidSid(PSID pSid)
{
    return sid_is_valid(pSid);
}

BOOL adv_EqualSid(PSID pSid1, PSID pSid2)
{
    return sid_equal(pSid1, pSid2);
}

DWORD adv_GetLengthSid(PSID pSid)
{
    return (DWORD)sid_size(((const struct sid *)pSid)->count);
}

DWORD adv_GetSidLengthRequired(BYTE nSubAuthorityCount)
{
    return (DWORD)sid_size(nSubAuthorityCount);
}

PDWORD adv_GetSidSubAuthority(PSID pSid, DWORD nSubAuthority)
{
    return &((struct sid *)pSid)->parts[nSubAuthority];
}

PUCHAR adv_GetSidSubAuthorityCount(PSID pSid)
{
    return &((struct sid *)pSid)->count;
}

PVOID adv_GetSidIdentifierAuthority(PSID pSid)
{
    return ((struct sid *)pSid)->authority;
}

static BOOL fail(DWORD error)
{
    last_error_set(error);
    return FALSE;
}

BOOL adv_CopySid(DWORD nDestinationSidLength, PSID pDestinationSid, PSID pSourceSid)
{
    size_t size = sid_size(((const struct sid *)pSourceSid)->count);
    if (size > nDestinationSidLength)
        return fail(ERROR_INSUFFICIENT_BUFFER);
    memcpy(pDestinationSid, pSourceSid, size);
    return TRUE;
}

BOOL adv_InitializeSid(PSID Sid, PVOID pIdentifierAuthority, BYTE nSubAuthorityCount)
{
    struct sid *sid = Sid;
    if (nSubAuthorityCount > SID_MAXIMUM_PARTS)
        return fail(ERROR_INVALID_PARAMETER);
    sid->revision = 1;
    sid->count = nSubAuthorityCount;
    memcpy(sid->authority, pIdentifierAuthority, sizeof sid->authority);
    return TRUE;
}

BOOL adv_AllocateAndInitializeSid(PVOID pIdentifierAuthority, BYTE nSubAuthorityCount,
                                  DWORD nSubAuthority0, DWORD nSubAuthority1, DWORD nSubAuthority2,
                                  DWORD nSubAuthority3, DWORD nSubAuthority4, DWORD nSubAuthority5,
                                  DWORD nSubAuthority6, DWORD nSubAuthority7, PVOID pSid)
{
    const DWORD parts[8] = {nSubAuthority0, nSubAuthority1, nSubAuthority2, nSubAuthority3,
                            nSubAuthority4, nSubAuthority5, nSubAuthority6, nSubAuthority7};
    if (nSubAuthorityCount > array_length(parts))
        return fail(ERROR_INVALID_PARAMETER);
    struct sid *sid = malloc(sizeof *sid);
    if (!sid)
        return fail(ERROR_NOT_ENOUGH_MEMORY);
    adv_InitializeSid(sid, pIdentifierAuthority, nSubAuthorityCount);
    memcpy(sid->parts, parts, nSubAuthorityCount * sizeof *parts);
    *(struct sid **)pSid = sid;
    return TRUE;
}

/* Of AllocateAndInitializeSid only. NULL is the success it answers. */
PVOID adv_FreeSid(PSID pSid)
{
    free(pSid);
    return NULL;
}

/* WELL_KNOWN_SID_TYPE (winnt.h) */
static const struct {
    DWORD type;
    struct sid sid;
} well_known[] = {
    {0, {1, 1, {0}, {0}}},         /* nobody */
    {1, {1, 1, WORLD, {0}}},       /* everyone */
    {10, {1, 1, NT, {10}}},        /* self */
    {17, {1, 1, NT, {11}}},        /* authenticated users */
    {22, {1, 1, NT, {18}}},        /* the system */
    {23, {1, 1, NT, {19}}},        /* local service */
    {24, {1, 1, NT, {20}}},        /* network service */
    {26, {1, 2, NT, {32, 544}}},   /* administrators */
    {27, {1, 2, NT, {32, 545}}},   /* users */
    {28, {1, 2, NT, {32, 546}}},   /* guests */
    {66, {1, 1, LABEL, {0x1000}}}, /* low integrity */
    {67, {1, 1, LABEL, {0x2000}}}, /* medium integrity */
    {68, {1, 1, LABEL, {0x3000}}}, /* high integrity */
};

BOOL adv_CreateWellKnownSid(DWORD WellKnownSidType, PSID DomainSid, PSID pSid, LPDWORD cbSid)
{
    for (unsigned i = 0; i < array_length(well_known); i++) {
        if (well_known[i].type != WellKnownSidType)
            continue;
        DWORD size = (DWORD)sid_size(well_known[i].sid.count), room = *cbSid;
        *cbSid = size;
        if (!pSid || room < size)
            return fail(ERROR_INSUFFICIENT_BUFFER);
        memcpy(pSid, &well_known[i].sid, size);
        return TRUE;
    }
    return fail(ERROR_INVALID_PARAMETER);
}

BOOL adv_IsWellKnownSid(PSID pSid, DWORD WellKnownSidType)
{
    for (unsigned i = 0; i < array_length(well_known); i++)
        if (well_known[i].type == WellKnownSidType)
            return sid_equal(pSid, &well_known[i].sid);
    return FALSE;
}

#define TEXT_SIZE (32 + SID_MAXIMUM_PARTS * 11)

/* "S-1-5-21-...": an authority of more than 32 bits is written in hexadecimal. */
static void format_sid(const struct sid *sid, char *text)
{
    uint64_t authority = 0;
    for (unsigned i = 0; i < 6; i++)
        authority = authority << 8 | sid->authority[i];
    int length =
        sprintf(text, authority >> 32 ? "S-1-0x%llX" : "S-1-%llu", (unsigned long long)authority);
    for (unsigned i = 0; i < sid->count; i++)
        length += sprintf(text + length, "-%u", sid->parts[i]);
}

BOOL adv_ConvertSidToStringSidA(PSID Sid, PVOID StringSid)
{
    char text[TEXT_SIZE];
    if (!sid_is_valid(Sid) || !StringSid)
        return fail(StringSid ? ERROR_INVALID_SID : ERROR_INVALID_PARAMETER);
    format_sid(Sid, text);
    char *copy = local_memory(strlen(text) + 1);
    if (!copy)
        return fail(ERROR_NOT_ENOUGH_MEMORY);
    strcpy(copy, text);
    *(char **)StringSid = copy;
    return TRUE;
}

BOOL adv_ConvertSidToStringSidW(PSID Sid, PVOID StringSid)
{
    char text[TEXT_SIZE];
    if (!sid_is_valid(Sid) || !StringSid)
        return fail(StringSid ? ERROR_INVALID_SID : ERROR_INVALID_PARAMETER);
    format_sid(Sid, text);
    size_t length = strlen(text);
    uint16_t *copy = local_memory((length + 1) * sizeof *copy);
    if (!copy)
        return fail(ERROR_NOT_ENOUGH_MEMORY);
    copy[utf8_to_utf16(text, length, copy, length, NULL)] = 0;
    *(uint16_t **)StringSid = copy;
    return TRUE;
}

/* "-" and a number that fits 32 bits, 48 for the authority; NULL when there is none. */
static const char *take_number(const char *at, unsigned bits, uint64_t *ret_number)
{
    char *end;
    if (at[0] != '-' || at[1] < '0' || at[1] > '9')
        return NULL;
    *ret_number = strtoull(at + 1, &end, at[1] == '0' && (at[2] | 0x20) == 'x' ? 16 : 10);
    return *ret_number >> bits ? NULL : end;
}

static bool parse_sid(const char *text, struct sid *ret_sid)
{
    uint64_t number;
    const char *at = text + 3;
    if (strncmp(text, "S-1", 3) != 0 && strncmp(text, "s-1", 3) != 0)
        return false;
    at = take_number(at, 48, &number);
    if (!at)
        return false;
    *ret_sid = (struct sid){.revision = 1};
    for (unsigned i = 0; i < 6; i++)
        ret_sid->authority[i] = (uint8_t)(number >> (40 - 8 * i));
    while (*at) {
        at = take_number(at, 32, &number);
        if (!at || ret_sid->count == SID_MAXIMUM_PARTS)
            return false;
        ret_sid->parts[ret_sid->count++] = (uint32_t)number;
    }
    return ret_sid->count > 0;
}

BOOL adv_ConvertStringSidToSidW(LPCWSTR StringSid, PVOID Sid)
{
    struct sid sid, *copy;
    if (!StringSid || !Sid)
        return fail(ERROR_INVALID_PARAMETER);
    char *text = utf8_from_wide(StringSid);
    if (!text)
        return fail(ERROR_NOT_ENOUGH_MEMORY);
    bool valid = parse_sid(text, &sid);
    free(text);
    if (!valid)
        return fail(ERROR_INVALID_SID);
    copy = local_memory(sid_size(sid.count));
    if (!copy)
        return fail(ERROR_NOT_ENOUGH_MEMORY);
    memcpy(copy, &sid, sid_size(sid.count));
    *(struct sid **)Sid = copy;
    return TRUE;
}

/* Gives a name; *size is what it needs with the terminator when it does not fit. */
static bool give_name(LPCWSTR name, LPWSTR buffer, LPDWORD size)
{
    DWORD length = (DWORD)wide_length(name), room = *size;
    bool fits = buffer && room > length;
    *size = fits ? length : length + 1;
    if (fits)
        memcpy(buffer, name, (length + 1) * sizeof *name);
    return fits;
}

enum { TYPE_USER = 1, TYPE_GROUP = 2, TYPE_ALIAS = 4, TYPE_WELL_KNOWN = 5 };

static const struct {
    const struct sid *sid;
    LPCWSTR name, domain; /* NULL: the user's, the computer's */
    DWORD use;
} accounts[] = {
    {&sid_user, NULL, NULL, TYPE_USER},
    {&sid_group, u"None", NULL, TYPE_GROUP},
    {&sid_everyone, u"Everyone", u"", TYPE_WELL_KNOWN},
    {&sid_users, u"Users", u"BUILTIN", TYPE_ALIAS},
};

BOOL adv_LookupAccountSidW(LPCWSTR lpSystemName, PSID Sid, LPWSTR Name, LPDWORD cchName,
                           LPWSTR ReferencedDomainName, LPDWORD cchReferencedDomainName,
                           PDWORD peUse)
{
    uint16_t user[257], computer[17];
    DWORD user_size = array_length(user), computer_size = array_length(computer);
    for (unsigned i = 0; i < array_length(accounts); i++) {
        if (!sid_equal(Sid, accounts[i].sid))
            continue;
        LPCWSTR name = accounts[i].name, domain = accounts[i].domain;
        if (!name && !adv_GetUserNameW(user, &user_size))
            return FALSE;
        if (!domain && !k32_GetComputerNameW(computer, &computer_size))
            return FALSE;
        bool fits = give_name(name ? name : user, Name, cchName);
        fits &=
            give_name(domain ? domain : computer, ReferencedDomainName, cchReferencedDomainName);
        if (!fits)
            return fail(ERROR_INSUFFICIENT_BUFFER);
        *peUse = accounts[i].use;
        return TRUE;
    }
    return fail(ERROR_NONE_MAPPED);
}
