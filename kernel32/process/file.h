/*
 * Open files: disk files, directories, character devices, pipes and consoles. A file is a host
 * descriptor; its position is the descriptor's own, so that one read is one system call. Reading
 * and writing end before the call returns, also for files opened for overlapped use: the event is
 * set and the packet is posted by then. A file is therefore always signalled; a console is when
 * there is input.
 *
 * SHARING is watched among the files of this process, by device and inode: what another process
 * has open is not seen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "kernel32/process/path.h"
#include "kernel32/process/wait.h"
#include "memoryapi/futex.h"

enum file_kind { FILE_DISK, FILE_CHARACTER, FILE_PIPE, FILE_CONSOLE };

struct directory; /* a listing: directory.c */
struct file_lock;

struct file {
    struct waitable waitable; /* object first */
    /* constant after init */
    int fd;
    bool owned; /* close fd at the end */
    enum file_kind kind;
    ACCESS_MASK access; /* of the open: specific rights only */
    uint32_t share;     /* FILE_SHARE_* */
    uint32_t options;   /* FILE_* of NtCreateFile */
    bool append;        /* every write goes to the end */
    bool directory;
    bool link;      /* the symbolic link itself */
    bool path_only; /* the descriptor cannot read or write (O_PATH) */
    uint64_t device, inode;
    /* under the lock of file_share.c */
    struct file *next, **previous; /* files of the same hash */
    bool delete_pending;
    /* atomic; set once */
    struct object *port; /* a reference */
    ULONG_PTR key;
    uint32_t completion_modes; /* FILE_SKIP_* */
    struct futex_lock lock;
    /* under lock */
    struct directory *listing;
    struct file_lock *locks; /* file_lock.c */
};

/* A handle for a descriptor of the host: standard handles, pipes. A terminal is a FILE_CONSOLE. */
NTSTATUS file_from_descriptor(int fd, bool take_ownership, ACCESS_MASK access, HANDLE *ret_handle);
/* A reference, to be given back with file_unref(). */
NTSTATUS file_lookup(HANDLE handle, ACCESS_MASK access, struct file **ret_file);

static inline void file_unref(struct file *file)
{
    object_unref(&file->waitable.object);
}

/* How a file is opened: the parameters of NtCreateFile. */
struct file_request {
    struct path *path; /* corrected where the host has another case */
    ACCESS_MASK access;
    uint32_t attributes;
    uint32_t share;
    uint32_t disposition; /* FILE_SUPERSEDE... */
    uint32_t options;
    bool inherit;
};

/* `ret_information`: FILE_OPENED, FILE_CREATED, ... */
NTSTATUS file_open(const struct file_request *request, HANDLE *ret_handle,
                   uint32_t *ret_information);
/* A file without a handle, to be opened by handle_create(); one reference. NULL: no memory. */
struct file *file_new(int fd, bool owned, const struct stat *stat, ACCESS_MASK access);
/* Generic rights and MAXIMUM_ALLOWED replaced by the rights of files. */
ACCESS_MASK file_rights(ACCESS_MASK access);

/* file_share.c. Enters the file, or STATUS_SHARING_VIOLATION, STATUS_DELETE_PENDING. */
NTSTATUS file_share_enter(struct file *file);
void file_share_leave(struct file *file);
/* May somebody delete or rename this now? STATUS_SUCCESS or STATUS_SHARING_VIOLATION. */
NTSTATUS file_share_check(uint64_t device, uint64_t inode, ACCESS_MASK access, uint32_t share);
void file_share_set_delete(struct file *file, bool delete_pending);

/* file_info.c: facts of a file. */
struct file_facts {
    uint32_t attributes;
    uint32_t tag; /* of a reparse point */
    uint32_t links;
    uint64_t created, accessed, written, changed; /* 100 ns since 1601 */
    uint64_t size, allocated;                     /* bytes */
    uint64_t device, inode;
    bool directory;
};
/* Of `name` below the directory `at` (AT_FDCWD), or of the descriptor when `name` is "". */
NTSTATUS file_facts(int at, const char *name, bool follow, struct file_facts *ret_facts);
/* The 32 bits that Windows shows of a device. */
static inline uint32_t file_volume_serial(uint64_t device)
{
    return (uint32_t)(device ^ device >> 32);
}
/* Of a resolved path; corrects its case. Knows NUL. */
NTSTATUS file_facts_of_path(struct path *path, bool follow, struct file_facts *ret_facts);

/* file_io.c. `offset` NULL: at the position, which moves. STATUS_END_OF_FILE at the end. */
NTSTATUS file_read(struct file *file, void *buffer, uint64_t size, const int64_t *offset,
                   uint64_t *ret_done);
NTSTATUS file_write(struct file *file, const void *buffer, uint64_t size, const int64_t *offset,
                    uint64_t *ret_done);
NTSTATUS file_flush(struct file *file);
/* An operation ended: sets the event, posts the packet. `overlapped` is what the port reports. */
void file_complete(struct file *file, HANDLE event, PVOID overlapped, NTSTATUS status,
                   uint64_t done);

/* directory.c: listings, sorted by name without case, with "." and "..". */
struct directory_entry {
    const WCHAR *name;
    size_t length;
    const char *host_name;
    struct file_facts facts;
};
/* Takes the descriptor's directory as it is now; `fd` stays the caller's and must live on.
 * `pattern` may be NULL (all). `dots`: "." and ".." too. */
NTSTATUS directory_open(int fd, const WCHAR *pattern, size_t length, bool dots,
                        struct directory **ret_directory);
void directory_close(struct directory *directory); /* NULL is allowed */
/* The next entry without going on to the one after it: STATUS_NO_MORE_FILES. Entries that went
 * away are left out. */
NTSTATUS directory_peek(struct directory *directory, struct directory_entry *ret_entry);
void directory_advance(struct directory *directory);
/* FsRtlIsNameInExpression with ignored case; knows * ? < > ". */
bool directory_matches(const WCHAR *pattern, size_t pattern_length, const WCHAR *name,
                       size_t length);
