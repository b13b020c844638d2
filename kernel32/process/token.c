/*
 * Access tokens: what a program asks about its user and its rights. There is one user, who is no
 * administrator; of a token only the privileges can be changed (token_privilege.c).
 */
#include "kernel32/process/token.h"

#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/sid.h"
#include "kernel32/process/utf.h"

static const struct object_rights rights = {
    .read = 0x20008, .write = 0x200E0, .execute = 0x20000, .all = TOKEN_ALL};

static void destroy(struct object *object)
{
    free(object);
}

static const struct object_ops token_ops = {OBJECT_TOKEN, "token", destroy, NULL, &rights, NULL};

/* A token of the process, or (`from`) a duplicate with privileges of its own. */
static NTSTATUS open_token(ACCESS_MASK access, const struct privileges *from, HANDLE *ret_handle)
{
    struct token *token = malloc(sizeof *token);
    if (!token)
        return STATUS_NO_MEMORY;
    object_init(&token->object, &token_ops);
    token->privileges = from ? &token->own : privileges_of_process();
    if (from)
        token->own = *from;
    NTSTATUS status = handle_create(&token->object, access, false, ret_handle);
    object_unref(&token->object);
    return status;
}

#define CURRENT_PROCESS_TOKEN   ((HANDLE)-4) /* pseudo handles of processthreadsapi.h */
#define CURRENT_EFFECTIVE_TOKEN ((HANDLE)-6)

NTSTATUS token_lookup(HANDLE handle, ACCESS_MASK access, struct object **ret_object,
                      struct privileges **ret_privileges)
{
    NTSTATUS status = STATUS_SUCCESS;
    *ret_object = NULL;
    if (handle == CURRENT_PROCESS_TOKEN || handle == CURRENT_EFFECTIVE_TOKEN) {
        /* they are opened for queries only */
        if (access & ~(TOKEN_QUERY | 0x10u /* TOKEN_QUERY_SOURCE */))
            return STATUS_ACCESS_DENIED;
        *ret_privileges = privileges_of_process();
        return STATUS_SUCCESS;
    }
    status = handle_lookup(handle, OBJECT_TOKEN, access, ret_object);
    if (NT_SUCCESS(status))
        *ret_privileges = container_of(*ret_object, struct token, object)->privileges;
    return status;
}

BOOL adv_OpenProcessToken(HANDLE ProcessHandle, DWORD DesiredAccess, PHANDLE TokenHandle)
{
    HANDLE handle;
    NTSTATUS status = handle_is_current_process(ProcessHandle, PROCESS_QUERY_LIMITED_INFORMATION);
    if (NT_SUCCESS(status))
        status = open_token(DesiredAccess, NULL, &handle);
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
    struct privileges *privileges;
    struct object *token;
    HANDLE handle;
    NTSTATUS status = token_lookup(hExistingToken, 0, &token, &privileges);
    if (NT_SUCCESS(status))
        status = open_token(dwDesiredAccess ? dwDesiredAccess : TOKEN_ALL, privileges, &handle);
    object_unref(token);
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

static NTSTATUS collect(DWORD class, const struct privileges *privileges, struct answer *answer,
                        struct pointers *pointers)
{
    struct token_privilege list[PRIVILEGE_COUNT];
    uint32_t count;
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
        count = token_list_privileges(privileges, list);
        put_number(answer, count);
        put(answer, list, count * sizeof list[0]);
        break;
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

BOOL adv_GetTokenInformation(HANDLE TokenHandle, DWORD TokenInformationClass,
                             LPVOID TokenInformation, DWORD TokenInformationLength,
                             PDWORD ReturnLength)
{
    struct answer answer = {.size = 0};
    struct pointers pointers = {.count = 0};
    struct privileges *privileges;
    struct object *token;
    NTSTATUS status = token_lookup(TokenHandle, TOKEN_QUERY, &token, &privileges);
    if (NT_SUCCESS(status))
        status = collect(TokenInformationClass, privileges, &answer, &pointers);
    object_unref(token);
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
        struct privileges *privileges;
        struct object *token;
        NTSTATUS status = token_lookup(TokenHandle, TOKEN_QUERY, &token, &privileges);
        object_unref(token);
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

BOOL adv_RevertToSelf(void)
{
    return TRUE; /* nobody impersonates */
}
