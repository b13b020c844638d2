/*
 * What the parts of child.exe share. child_act.c is what a child does that was started; each other
 * child_<topic>.c proves the statements of one topic and ends in their table; child.c runs them.
 */
#ifndef CHILD_H
#define CHILD_H

#include "kit.h"

#define PATIENCE 30000u /* ms: no child takes that long */
#define CODE     0x12345678u

/* This program, and a folder of this run's own. */
extern char program[MAX_PATH], folder[MAX_PATH];

/* Texts. join and join_hex append to a buffer that has room. */
DWORD length_of(const char *text);
BOOL begins(const char *text, const char *with);
BOOL equal(const char *a, const char *b);
void join(char *to, const char *text);
void join_hex(char *to, ULONG64 number);
ULONG64 read_hex(const char *text);
BOOL on_wine(void);

/* What a child does: the verb and what follows it; its exit code. */
UINT act(const char *verb);
UINT commit_limit(void); /* in MiB */

/* The last command line that was made, the last child that was started, its last output. */
extern char line[4 * MAX_PATH], said[4096];
extern PROCESS_INFORMATION child;

/* "program" verb number: the number where the verb ends in a space */
char *command(const char *verb, ULONG64 number);
BOOL start_with(STARTUPINFOA *startup, char *text, BOOL inherit, DWORD flags, void *environment,
                const char *directory);
BOOL start_child(char *text, DWORD flags);
DWORD finish_child(void);
DWORD code_of(char *text, DWORD flags);
HANDLE inheritable(HANDLE handle);
void read_until_end(HANDLE from, char *to, DWORD room);
/* What a child writes to the pipe that is its standard output; `code` is its exit code. */
const char *output_of(char *text, DWORD flags, void *environment, const char *directory,
                      DWORD *code);

extern const struct statement exit_statements[], line_statements[], given_statements[];

#endif
