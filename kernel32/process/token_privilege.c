/* Privileges: their names, and enabling what a token holds. */
#include "kernel32/process/token.h"

#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/utf.h"
#include "memoryapi/futex.h"
#include "memoryapi/guarded.h"

#define ALL_NECESSARY 1u /* PRIVILEGE_SET_ALL_NECESSARY */

/* One adjustment at a time: it reads, decides and changes. */
static struct futex_lock adjust_lock;

BOOL adv_LookupPrivilegeValueW(LPCWSTR lpSystemName, LPCWSTR lpName, PVOID lpLuid)
{
    char name[64];
    uint32_t luid[2] = {0, 0};
    size_t length;

    if (!guarded_wide_length(lpName, &length))
        return face_bool(STATUS_ACCESS_VIOLATION);
    if (length < sizeof name) {
        for (size_t i = 0; i <= length; i++)
            name[i] = lpName[i] < 0x80 ? (char)lpName[i] : '?';
        luid[0] = privilege_number(name);
    }
    if (!luid[0]) {
        last_error_set(ERROR_NO_SUCH_PRIVILEGE);
        return FALSE;
    }
    return face_bool(guarded_write(lpLuid, luid, sizeof luid) ? STATUS_SUCCESS
                                                              : STATUS_ACCESS_VIOLATION);
}

BOOL adv_LookupPrivilegeValueA(LPCSTR lpSystemName, LPCSTR lpName, PVOID lpLuid)
{
    size_t length;
    if (!guarded_length(lpName, &length))
        return face_bool(STATUS_ACCESS_VIOLATION);
    uint16_t *name = wide_from_utf8(lpName);
    BOOL found = name ? adv_LookupPrivilegeValueW(NULL, name, lpLuid) : face_bool(STATUS_NO_MEMORY);
    free(name);
    return found;
}

BOOL adv_LookupPrivilegeNameW(LPCWSTR lpSystemName, PVOID lpLuid, LPWSTR lpName, LPDWORD cchName)
{
    uint16_t wide[64];
    uint32_t luid[2];
    DWORD room, length;

    if (!guarded_read(lpLuid, luid, sizeof luid) || !guarded_read(cchName, &room, sizeof room))
        return face_bool(STATUS_ACCESS_VIOLATION);
    const char *name = luid[1] ? NULL : privilege_name(luid[0]);
    if (!name) {
        last_error_set(ERROR_NO_SUCH_PRIVILEGE);
        return FALSE;
    }
    length = (DWORD)strlen(name);
    for (DWORD i = 0; i <= length; i++)
        wide[i] = (uint8_t)name[i];
    if (room <= length) {
        length++; /* what is needed counts the terminator, what was written does not */
        return face_bool(guarded_write(cchName, &length, sizeof length) ? STATUS_BUFFER_TOO_SMALL
                                                                        : STATUS_ACCESS_VIOLATION);
    }
    return face_bool(guarded_write(lpName, wide, (length + 1) * sizeof wide[0]) &&
                             guarded_write(cchName, &length, sizeof length)
                         ? STATUS_SUCCESS
                         : STATUS_ACCESS_VIOLATION);
}

uint32_t token_list_privileges(const struct privileges *privileges,
                               struct token_privilege ret_list[PRIVILEGE_COUNT])
{
    uint64_t held = __atomic_load_n(&privileges->held, __ATOMIC_ACQUIRE);
    uint32_t count = 0;
    for (uint32_t number = 0; number < PRIVILEGE_COUNT; number++)
        if (held >> number & 1)
            ret_list[count++] =
                (struct token_privilege){number, 0, privilege_attributes(privileges, number)};
    return count;
}

/* Which of the privileges are held and would change, as they are now, and what to make of them. */
struct change {
    uint32_t count;
    bool all_held;
    struct token_privilege before[PRIVILEGE_COUNT], after[PRIVILEGE_COUNT];
};

static void plan(const struct privileges *privileges, const struct token_privilege *wanted,
                 uint32_t count, struct change *ret_change)
{
    *ret_change = (struct change){.all_held = true};
    uint64_t planned = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = wanted[i].high ? PRIVILEGE_COUNT : wanted[i].number;
        if (number >= PRIVILEGE_COUNT || !(privileges->held >> number & 1)) {
            ret_change->all_held = false;
            continue;
        }
        uint32_t now = privilege_attributes(privileges, number);
        uint32_t kept = PRIVILEGE_ENABLED | PRIVILEGE_REMOVED;
        /* the last word on a privilege that is named twice would be lost otherwise */
        bool again = planned >> number & 1;
        if (!again && (wanted[i].attributes & kept) == (now & kept))
            continue;
        uint32_t at = ret_change->count;
        for (uint32_t j = 0; again && j < ret_change->count; j++)
            at = ret_change->before[j].number == number ? j : at;
        ret_change->count += !again;
        planned |= 1ull << number;
        ret_change->before[at] = (struct token_privilege){number, 0, now};
        ret_change->after[at] = (struct token_privilege){number, 0, wanted[i].attributes};
    }
}

/* The caller's TOKEN_PRIVILEGES. More than there are privileges would only repeat them. */
static NTSTATUS read_wanted(LPCVOID from, struct token_privilege *ret_list, uint32_t *ret_count)
{
    if (!from)
        return STATUS_INVALID_PARAMETER;
    if (!guarded_read(from, ret_count, sizeof *ret_count))
        return STATUS_ACCESS_VIOLATION;
    if (*ret_count > PRIVILEGE_COUNT)
        return STATUS_INVALID_PARAMETER;
    return *ret_count == 0 || guarded_read((const char *)from + sizeof *ret_count, ret_list,
                                           *ret_count * sizeof *ret_list)
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

/* Everything but the previous state, which the caller gets when the lock is free again. */
static NTSTATUS adjust(struct privileges *privileges, const struct token_privilege *wanted,
                       uint32_t count, DWORD room, struct change *ret_change)
{
    NTSTATUS status = STATUS_SUCCESS;
    futex_lock(&adjust_lock);
    plan(privileges, wanted, count, ret_change);
    if (sizeof(uint32_t) + ret_change->count * sizeof *wanted > room)
        status = STATUS_BUFFER_TOO_SMALL;
    for (uint32_t i = 0; NT_SUCCESS(status) && i < ret_change->count; i++)
        privilege_set(privileges, ret_change->after[i].number, ret_change->after[i].attributes);
    futex_unlock(&adjust_lock);
    return status;
}

BOOL adv_AdjustTokenPrivileges(HANDLE TokenHandle, BOOL DisableAllPrivileges, LPCVOID NewState,
                               DWORD BufferLength, PVOID PreviousState, PDWORD ReturnLength)
{
    struct token_privilege wanted[PRIVILEGE_COUNT];
    struct privileges *privileges;
    struct change change = {0};
    struct object *token;
    uint32_t count;
    NTSTATUS status =
        token_lookup(TokenHandle, TOKEN_ADJUST_PRIVILEGES | (PreviousState ? TOKEN_QUERY : 0),
                     &token, &privileges);
    if (NT_SUCCESS(status) && !DisableAllPrivileges)
        status = read_wanted(NewState, wanted, &count);
    if (NT_SUCCESS(status) && PreviousState &&
        (!guarded_touch(ReturnLength) ||
         (BufferLength && !(guarded_touch(PreviousState) &&
                            guarded_touch((char *)PreviousState + BufferLength - 1)))))
        status = STATUS_ACCESS_VIOLATION;
    if (NT_SUCCESS(status) && DisableAllPrivileges) {
        count = token_list_privileges(privileges, wanted);
        for (uint32_t i = 0; i < count; i++)
            wanted[i].attributes = 0;
    }
    if (NT_SUCCESS(status))
        status = adjust(privileges, wanted, count, PreviousState ? BufferLength : ~0u, &change);
    object_unref(token);
    uint32_t needed = (uint32_t)(sizeof count + change.count * sizeof change.before[0]);
    if (ReturnLength && PreviousState && (NT_SUCCESS(status) || status == STATUS_BUFFER_TOO_SMALL))
        guarded_write(ReturnLength, &needed, sizeof needed);
    if (!NT_SUCCESS(status))
        return face_bool(status);
    if (PreviousState) {
        guarded_write(PreviousState, &change.count, sizeof change.count);
        guarded_write((char *)PreviousState + sizeof count, change.before, needed - sizeof count);
    }
    last_error_set(change.all_held ? ERROR_SUCCESS : ERROR_NOT_ALL_ASSIGNED);
    return TRUE;
}

BOOL adv_PrivilegeCheck(HANDLE ClientToken, PVOID RequiredPrivileges, LPBOOL pfResult)
{
    struct token_privilege list[PRIVILEGE_COUNT];
    struct privileges *privileges;
    struct object *token;
    uint32_t head[2], having = 0; /* count, control */
    NTSTATUS status = token_lookup(ClientToken, TOKEN_QUERY, &token, &privileges);

    if (NT_SUCCESS(status) && !guarded_read(RequiredPrivileges, head, sizeof head))
        status = STATUS_ACCESS_VIOLATION;
    if (NT_SUCCESS(status) && head[0] > PRIVILEGE_COUNT)
        status = STATUS_INVALID_PARAMETER;
    if (NT_SUCCESS(status) && head[0] &&
        !guarded_read((char *)RequiredPrivileges + sizeof head, list, head[0] * sizeof list[0]))
        status = STATUS_ACCESS_VIOLATION;
    for (uint32_t i = 0; NT_SUCCESS(status) && i < head[0]; i++) {
        bool has =
            !list[i].high && (privilege_attributes(privileges, list[i].number) & PRIVILEGE_ENABLED);
        list[i].attributes |= has ? PRIVILEGE_USED : 0;
        having += has;
    }
    object_unref(token);
    if (!NT_SUCCESS(status))
        return face_bool(status);
    BOOL result = head[1] & ALL_NECESSARY ? having == head[0] : having > 0;
    return face_bool(
        guarded_write((char *)RequiredPrivileges + sizeof head, list, head[0] * sizeof list[0]) &&
                guarded_write(pfResult, &result, sizeof result)
            ? STATUS_SUCCESS
            : STATUS_ACCESS_VIOLATION);
}

/* No thread has a token of its own, whose privileges `CurrentThread` would mean. */
NTSTATUS nt_RtlAdjustPrivilege(ULONG Privilege, BOOLEAN Enable, BOOLEAN CurrentThread,
                               PBOOLEAN WasEnabled)
{
    struct token_privilege wanted = {Privilege, 0, Enable ? PRIVILEGE_ENABLED : 0};
    struct change change;

    if (CurrentThread)
        return STATUS_NO_TOKEN;
    if (!guarded_touch(WasEnabled))
        return STATUS_ACCESS_VIOLATION;
    if (!privilege_held(Privilege))
        return STATUS_PRIVILEGE_NOT_HELD;
    adjust(privileges_of_process(), &wanted, 1, ~0u, &change);
    /* nothing to change: it was so before */
    BOOLEAN was = change.count ? (change.before[0].attributes & PRIVILEGE_ENABLED) != 0 : Enable;
    return guarded_write(WasEnabled, &was, sizeof was) ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}
