/*
 * Access tokens: what a program asks about its user and its rights. There is one user, who is no
 * administrator; a token can be asked and nothing in it can be changed.
 */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/sid.h"
#include "kernel32/process/utf.h"
#include "memoryapi/object.h"

#define TOKEN_QUERY 0x8u
#define TOKEN_ALL   0xF01FFu

static const struct object_rights rights = {
    .read = 0x20008, .write = 0x200E0, .execute = 0x20000, .all = TOKEN_ALL};

static void destroy(struct object *object)
{
    free(object);
}

static const struct object_ops token_ops = {OBJECT_TOKEN, "token", destroy, NULL, &rights};

static NTSTATUS open_token(ACCESS_MASK access, HANDLE *ret_handle)
{
    struct object *token = malloc(sizeof *token);
    if (!token)
        return STATUS_NO_MEMORY;
    object_init(token, &token_ops);
    NTSTATUS status = handle_create(token, access, false, ret_handle);
    object_unref(token);
    return status;
}

BOOL adv_OpenProcessToken(HANDLE ProcessHandle, DWORD DesiredAccess, PHANDLE TokenHandle)
{
    HANDLE handle;
    NTSTATUS status = handle_is_current_process(ProcessHandle, PROCESS_QUERY_LIMITED_INFORMATION);
    if (NT_SUCCESS(status))
        status = open_token(DesiredAccess, &handle);
    if (NT_SUCCESS(status))
        *TokenHandle = handle;
    return face_bool(status);
}

/* No thread has a token of its own: nobody impersonates. */
BOOL adv_OpenThreadToken(HANDLE ThreadHandle, DWORD DesiredAccess, BOOL OpenAsSelf,
                         PHANDLE TokenHandle)
{
    last_error_set(ERROR_NO_TOKEN);
    return FALSE;
}

BOOL adv_DuplicateTokenEx(HANDLE hExistingToken, DWORD dwDesiredAccess,
                          LPSECURITY_ATTRIBUTES lpTokenAttributes, DWORD ImpersonationLevel,
                          DWORD TokenType, PHANDLE phNewToken)
{
    struct object *token;
    HANDLE handle;
    NTSTATUS status = handle_lookup(hExistingToken, OBJECT_TOKEN, 0, &token);
    if (NT_SUCCESS(status)) {
        object_unref(token);
        status = open_token(dwDesiredAccess ? dwDesiredAccess : TOKEN_ALL, &handle);
    }
    if (NT_SUCCESS(status))
        *phNewToken = handle;
    return face_bool(status);
}

/* Information is collected here first: structures that point at SIDs behind them. */
struct answer {
    uint8_t bytes[512];
    size_t size;
};

static void put(struct answer *answer, const void *bytes, size_t size)
{
    memcpy(answer->bytes + answer->size, bytes, size);
    answer->size += size;
}

static void put_number(struct answer *answer, uint32_t number)
{
    put(answer, &number, sizeof number);
}

/* A SID_AND_ATTRIBUTES or a bare pointer is the offset of its SID until the caller's address is
 * known: `pointers` lists where. */
struct pointers {
    unsigned count;
    struct {
        size_t at;
        const struct sid *sid;
    } list[4];
};

static void put_sid(struct answer *answer, struct pointers *pointers, const struct sid *sid)
{
    const uint64_t nothing = 0;
    pointers->list[pointers->count].at = answer->size;
    pointers->list[pointers->count++].sid = sid;
    put(answer, &nothing, sizeof nothing);
}

static void put_sid_and_attributes(struct answer *answer, struct pointers *pointers,
                                   const struct sid *sid, uint32_t attributes)
{
    put_sid(answer, pointers, sid);
    put_number(answer, attributes);
    put_number(answer, 0); /* padding */
}

/* The SIDs go behind, and the pointers say where they will be at `base`. */
static void put_targets(struct answer *answer, const struct pointers *pointers, const void *base)
{
    for (unsigned i = 0; i < pointers->count; i++) {
        uint64_t address = (uint64_t)base + answer->size;
        memcpy(answer->bytes + pointers->list[i].at, &address, sizeof address);
        put(answer, pointers->list[i].sid, sid_size(pointers->list[i].sid->count));
    }
}

/* TOKEN_INFORMATION_CLASS (winnt.h) */
enum {
    TOKEN_USER_CLASS = 1,
    TOKEN_GROUPS_CLASS = 2,
    TOKEN_PRIVILEGES_CLASS = 3,
    TOKEN_OWNER_CLASS = 4,
    TOKEN_PRIMARY_GROUP_CLASS = 5,
    TOKEN_TYPE_CLASS = 8,
    TOKEN_SESSION_CLASS = 12,
    TOKEN_ELEVATION_TYPE_CLASS = 18,
    TOKEN_ELEVATION_CLASS = 20,
    TOKEN_RESTRICTIONS_CLASS = 21,
    TOKEN_VIRTUALIZATION_ALLOWED_CLASS = 23,
    TOKEN_VIRTUALIZATION_CLASS = 24,
    TOKEN_INTEGRITY_CLASS = 25,
    TOKEN_UI_ACCESS_CLASS = 26,
    TOKEN_APP_CONTAINER_CLASS = 29,
};

#define GROUP_ENABLED   0x7u  /* mandatory, enabled by default, enabled */
#define GROUP_INTEGRITY 0x60u /* integrity, enabled */

static NTSTATUS collect(DWORD class, struct answer *answer, struct pointers *pointers)
{
    switch (class) {
    case TOKEN_USER_CLASS:
        put_sid_and_attributes(answer, pointers, &sid_user, 0);
        break;
    case TOKEN_GROUPS_CLASS:
        put_number(answer, 3);
        put_number(answer, 0); /* padding */
        put_sid_and_attributes(answer, pointers, &sid_group, GROUP_ENABLED);
        put_sid_and_attributes(answer, pointers, &sid_everyone, GROUP_ENABLED);
        put_sid_and_attributes(answer, pointers, &sid_users, GROUP_ENABLED);
        break;
    case TOKEN_OWNER_CLASS:
        put_sid(answer, pointers, &sid_user);
        break;
    case TOKEN_PRIMARY_GROUP_CLASS:
        put_sid(answer, pointers, &sid_group);
        break;
    case TOKEN_INTEGRITY_CLASS:
        put_sid_and_attributes(answer, pointers, &sid_integrity, GROUP_INTEGRITY);
        break;
    case TOKEN_TYPE_CLASS:
    case TOKEN_ELEVATION_TYPE_CLASS:
        put_number(answer, 1); /* TokenPrimary; TokenElevationTypeDefault */
        break;
    case TOKEN_SESSION_CLASS:
        put_number(answer, 1);
        break;
    case TOKEN_PRIVILEGES_CLASS:
    case TOKEN_ELEVATION_CLASS:
    case TOKEN_RESTRICTIONS_CLASS:
    case TOKEN_VIRTUALIZATION_ALLOWED_CLASS:
    case TOKEN_VIRTUALIZATION_CLASS:
    case TOKEN_UI_ACCESS_CLASS:
    case TOKEN_APP_CONTAINER_CLASS:
        put_number(answer, 0);
        break;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
    return STATUS_SUCCESS;
}

#define CURRENT_PROCESS_TOKEN   ((HANDLE)-4) /* pseudo handles of processthreadsapi.h */
#define CURRENT_EFFECTIVE_TOKEN ((HANDLE)-6)

static NTSTATUS lookup(HANDLE handle, ACCESS_MASK access)
{
    struct object *token;
    if (handle == CURRENT_PROCESS_TOKEN || handle == CURRENT_EFFECTIVE_TOKEN)
        return STATUS_SUCCESS;
    NTSTATUS status = handle_lookup(handle, OBJECT_TOKEN, access, &token);
    if (NT_SUCCESS(status))
        object_unref(token);
    return status;
}

BOOL adv_GetTokenInformation(HANDLE TokenHandle, DWORD TokenInformationClass,
                             LPVOID TokenInformation, DWORD TokenInformationLength,
                             PDWORD ReturnLength)
{
    struct answer answer = {.size = 0};
    struct pointers pointers = {.count = 0};
    NTSTATUS status = lookup(TokenHandle, TOKEN_QUERY);
    if (NT_SUCCESS(status))
        status = collect(TokenInformationClass, &answer, &pointers);
    if (!NT_SUCCESS(status))
        return face_bool(status);
    put_targets(&answer, &pointers, TokenInformation);
    *ReturnLength = (DWORD)answer.size;
    if (!TokenInformation || TokenInformationLength < answer.size)
        return face_bool(STATUS_BUFFER_TOO_SMALL);
    memcpy(TokenInformation, answer.bytes, answer.size);
    return TRUE;
}

BOOL adv_CheckTokenMembership(HANDLE TokenHandle, PSID SidToCheck, PBOOL IsMember)
{
    static const struct sid *const groups[] = {&sid_user, &sid_group, &sid_everyone, &sid_users};
    if (TokenHandle) {
        NTSTATUS status = lookup(TokenHandle, TOKEN_QUERY);
        if (!NT_SUCCESS(status))
            return face_bool(status);
    }
    if (!sid_is_valid(SidToCheck) || !IsMember)
        return face_bool(STATUS_INVALID_PARAMETER);
    BOOL member = FALSE;
    for (unsigned i = 0; i < array_length(groups); i++)
        member |= sid_equal(SidToCheck, groups[i]);
    *IsMember = member;
    return TRUE;
}

/* Numbers of privileges (wdm.h SE_*_PRIVILEGE). */
static const struct {
    LPCWSTR name;
    DWORD number;
} privileges[] = {
    {u"SeLockMemoryPrivilege", 4},
    {u"SeIncreaseQuotaPrivilege", 5},
    {u"SeSecurityPrivilege", 8},
    {u"SeTakeOwnershipPrivilege", 9},
    {u"SeSystemProfilePrivilege", 11},
    {u"SeProfileSingleProcessPrivilege", 13},
    {u"SeIncreaseBasePriorityPrivilege", 14},
    {u"SeBackupPrivilege", 17},
    {u"SeRestorePrivilege", 18},
    {u"SeShutdownPrivilege", 19},
    {u"SeDebugPrivilege", 20},
    {u"SeChangeNotifyPrivilege", 23},
    {u"SeUndockPrivilege", 25},
    {u"SeManageVolumePrivilege", 28},
    {u"SeImpersonatePrivilege", 29},
    {u"SeCreateGlobalPrivilege", 30},
    {u"SeIncreaseWorkingSetPrivilege", 33},
    {u"SeTimeZonePrivilege", 34},
    {u"SeCreateSymbolicLinkPrivilege", 35},
};

BOOL adv_LookupPrivilegeValueW(LPCWSTR lpSystemName, LPCWSTR lpName, PVOID lpLuid)
{
    size_t length = wide_length(lpName);
    for (unsigned i = 0; i < array_length(privileges); i++) {
        LPCWSTR name = privileges[i].name;
        if (wide_compare_caseless(lpName, length, name, wide_length(name)) == 0) {
            const uint32_t luid[2] = {privileges[i].number, 0};
            memcpy(lpLuid, luid, sizeof luid);
            return TRUE;
        }
    }
    last_error_set(ERROR_NO_SUCH_PRIVILEGE);
    return FALSE;
}

BOOL adv_LookupPrivilegeValueA(LPCSTR lpSystemName, LPCSTR lpName, PVOID lpLuid)
{
    uint16_t *name = wide_from_utf8(lpName);
    BOOL found = name ? adv_LookupPrivilegeValueW(NULL, name, lpLuid) : face_bool(STATUS_NO_MEMORY);
    free(name);
    return found;
}

/* The token holds none, so none is assigned, which is told by the last error of a success. */
BOOL adv_AdjustTokenPrivileges(HANDLE TokenHandle, BOOL DisableAllPrivileges, LPCVOID NewState,
                               DWORD BufferLength, PVOID PreviousState, PDWORD ReturnLength)
{
    NTSTATUS status = lookup(TokenHandle, 0x20); /* TOKEN_ADJUST_PRIVILEGES */
    if (!NT_SUCCESS(status))
        return face_bool(status);
    DWORD wanted = 0;
    if (!DisableAllPrivileges && !NewState)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!DisableAllPrivileges)
        memcpy(&wanted, NewState, sizeof wanted);
    if (PreviousState && BufferLength >= sizeof wanted)
        memset(PreviousState, 0, sizeof wanted);
    if (ReturnLength)
        *ReturnLength = sizeof wanted;
    last_error_set(wanted ? ERROR_NOT_ALL_ASSIGNED : ERROR_SUCCESS);
    return TRUE;
}

BOOL adv_RevertToSelf(void)
{
    return TRUE; /* nobody impersonates */
}
