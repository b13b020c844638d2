/*
 * NT handles of what is shared (D3DKMTShareObjects): a resource, a synchronisation object, or a
 * resource with a keyed mutex and a synchronisation object. The object behind a handle has openings
 * of its own of all that it shares, so that this lives while the handle does, with or without
 * devices. It is the process's: another one makes its own by the name. In the child of a fork, whose
 * handle table is a copy, a handle opens what it names, but keeps nothing: with the last of the
 * parent's it is gone, and opening gives STATUS_INVALID_PARAMETER.
 *
 * NAMES are the machine's. A name is a file beside it that tells what is shared, and a record that
 * every process holds which has a handle to it; with the last of them it goes. The record's hash is
 * of the name in capital letters; whoever makes or looks for one does so under machine.lock.
 * "\BaseNamedObjects\x" and "\Sessions\N\BaseNamedObjects\Global\x" are one name,
 * "\Sessions\N\BaseNamedObjects\x" with or without "Local\" another; there is one session.
 */
#pragma once

#include "d3dkmt/keyed.h"
#include "d3dkmt/share.h"
#include "memoryapi/object.h"

#define SHARE_NAME_MOST 260u /* characters, without directories */

/* What is shared, by names that every process knows. 0: nothing of the kind. */
struct share_parts {
    uint32_t record; /* of the resource */
    uint32_t unused;
    uint64_t id;
    D3DKMT_HANDLE sync, keyed; /* as sync_open and keyed_open take them */
};

struct share_name {
    bool any; /* else there is none, and only `inherit` counts */
    bool inherit;
    bool exact; /* capital letters count */
    uint32_t length;
    WCHAR text[SHARE_NAME_MOST];
};

struct share_nt {
    struct object object;
    /* constant once made */
    struct share_parts parts;
    const struct vidmm *mm; /* of the openings; NULL: there is no resource */
    uint32_t count;
    uint32_t *openings; /* malloc'd */
    struct kmt_sync *sync;
    struct kmt_keyed_mutex *keyed;
    uint32_t name_record; /* VID_NONE: it has no name */
    uint32_t generation;  /* kmt_generation as it was made: of a parent it holds nothing here */
};

/*
 * share_nt.c. A new object; the reference is the caller's. `name_record` is taken over on success.
 * STATUS_NO_MEMORY; STATUS_INVALID_PARAMETER: something of it is gone. pre: kmt_lock
 */
NTSTATUS share_nt_create(const struct share_parts *parts, uint32_t name_record,
                         struct share_nt **ret_nt);
/* A reference, which is not to be given back under kmt_lock. STATUS_INVALID_HANDLE,
 * STATUS_OBJECT_TYPE_MISMATCH. */
NTSTATUS share_nt_lookup(HANDLE handle, struct share_nt **ret_nt);

/*
 * share_name.c. The name in a caller's structure (NULL: none). STATUS_ACCESS_VIOLATION,
 * STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_SYNTAX_BAD,
 * STATUS_OBJECT_PATH_NOT_FOUND, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH.
 */
NTSTATUS share_name_read(const OBJECT_ATTRIBUTES *attributes, struct share_name *ret_name);
/* STATUS_OBJECT_NAME_COLLISION, STATUS_NO_MEMORY. pre: a name; kmt_lock */
NTSTATUS share_name_enter(const struct share_name *name, const struct share_parts *parts,
                          uint32_t *ret_record);
/* Holds the record. STATUS_OBJECT_NAME_NOT_FOUND, STATUS_NO_MEMORY. pre: a name; kmt_lock */
NTSTATUS share_name_find(const struct share_name *name, struct share_parts *ret_parts,
                         uint32_t *ret_record);
