/* Access tokens, and the privileges in them. Inside kernel32/process/ only. */
#pragma once

#include "memoryapi/object.h"
#include "memoryapi/privilege.h"

#define TOKEN_QUERY             0x8u
#define TOKEN_ADJUST_PRIVILEGES 0x20u
#define TOKEN_ALL               0xF01FFu

struct token {
    struct object object;
    struct privileges *privileges; /* constant: of the process, or `own` */
    struct privileges own;         /* of a duplicate */
};

/* LUID_AND_ATTRIBUTES of winnt.h, whose LUID is of a privilege. */
struct token_privilege {
    uint32_t number, high, attributes;
};

/*
 * The token of a handle, pseudo handles too, with a reference in *ret_object that the caller gives
 * back (object_unref).
 */
NTSTATUS token_lookup(HANDLE handle, ACCESS_MASK access, struct object **ret_object,
                      struct privileges **ret_privileges);
/* Those that are held, in ascending order; returns how many. */
uint32_t token_list_privileges(const struct privileges *privileges,
                               struct token_privilege ret_list[PRIVILEGE_COUNT]);
