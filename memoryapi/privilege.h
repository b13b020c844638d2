/*
 * What the account may do beyond what every user may. WINMEM_PRIVILEGES=NAME,... (or `winmem run
 * --privilege NAME`) adds to what an ordinary user of Windows holds, -NAME takes away from it.
 *
 * In `winmem run` the process has a token: what is held is disabled, but for what Windows enables
 * by default, until the program enables it (AdjustTokenPrivileges). A host program knows nothing of
 * tokens: what is held counts as enabled there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Numbers of privileges, the low part of their LUID (wdm.h SE_*_PRIVILEGE). */
enum {
    PRIVILEGE_LOCK_MEMORY = 4,
    PRIVILEGE_INCREASE_QUOTA = 5,
    PRIVILEGE_PROFILE_SINGLE_PROCESS = 13,
    PRIVILEGE_INCREASE_BASE_PRIORITY = 14,
    PRIVILEGE_DEBUG = 20,
    PRIVILEGE_CHANGE_NOTIFY = 23,
    PRIVILEGE_INCREASE_WORKING_SET = 33,
    PRIVILEGE_COUNT = 37 /* one more than the highest */
};

/* Attributes of a privilege in a token (winnt.h SE_PRIVILEGE_*). */
#define PRIVILEGE_ENABLED_BY_DEFAULT 0x1u
#define PRIVILEGE_ENABLED            0x2u
#define PRIVILEGE_REMOVED            0x4u
#define PRIVILEGE_USED               0x80000000u

/* The privileges of one token; a bit per number. Changed by one thread at a time, read by all. */
struct privileges {
    uint64_t held, by_default, enabled;
};

/* Those of the process. */
struct privileges *privileges_of_process(void);
/* May the process use this privilege now? */
bool privilege_enabled(uint32_t number);
/* It has the privilege, enabled or not. */
bool privilege_held(uint32_t number);

/* The number of a name in ASCII, in any case; 0: no such privilege. */
uint32_t privilege_number(const char *name);
/* The name of a number; NULL: no such privilege. */
const char *privilege_name(uint32_t number);

/* `winmem run`, before the program starts: the process has a token from now on. */
void privilege_start_token(void);

/* The attributes of `number` in a token. */
uint32_t privilege_attributes(const struct privileges *privileges, uint32_t number);
/* Enables, disables or removes a privilege that is held. */
void privilege_set(struct privileges *privileges, uint32_t number, uint32_t attributes);
