/*
 * Small text files of the kernel that are read again and again (/proc/meminfo): they stay open, and
 * are closed on exec. The child of a fork opens its own, for some speak of the process that opened
 * them. A program may close descriptors that are not its own, and get the same number for another
 * file: so each read makes sure whose it is.
 *
 * LOCKS: one for all, taken by the caller; nothing else is taken while it is held.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "memoryapi/textfile.h"

/* Zero bytes: not open. Under the lock. */
struct kept_file {
    int number; /* the descriptor plus 1; 0: none */
    pid_t owner;
    uint64_t device, inode;
};

void kept_lock(void);
void kept_unlock(void);
/*
 * What is in the file, terminated; at most 16 KiB less 1, and good until the next call. NULL: there is
 * no such file, or it is gone. `path` is looked at when the file is not open. A made machine
 * (text_root) is opened anew each time.
 */
char *kept_read(struct kept_file *kept, const char *path);
void kept_close(struct kept_file *kept);
/* text_numbers and text_number of such a file. False: not one of them is there. */
bool kept_numbers(struct kept_file *kept, const char *path, const struct text_key *keys,
                  unsigned count);
bool kept_number(struct kept_file *kept, const char *path, uint64_t *ret_number);
