/*
 * Watching calls: one line per call on stderr (or in a file), written when the call returns, or
 * before it when it does not return:
 *
 *     winmem: 4711 VirtualAlloc(lpAddress=NULL, dwSize=65536,
 * flAllocationType=MEM_COMMIT|MEM_RESERVE, ...) = 0x7f0000000000
 *
 * Switched on by WINMEM_TRACE (and WINMEM_TRACE_FILE) or trace_start(). Off, it costs a gate one
 * branch on gate_tracing. Functions with hand-written gates (raw in the spec) are not watched.
 * Caller memory is only read through guarded.h; a line is made in a buffer on the stack and written
 * with one system call, so tracing needs no lock and works in any thread and in a signal handler.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * `selection`: words separated by commas: "1" or "all", families, functions; with a '-' before it a
 * word leaves out again. `path`: the file to append to, NULL for stderr. Answers false, having said
 * why on stderr, when the file or memory cannot be had. To be called before Windows threads run.
 */
bool trace_start(const char *selection, const char *path);

/* By the gates: arguments[1..]; `result` is NULL when the call will not return. */
void trace_call(unsigned index, const uint64_t *arguments, const uint64_t *result);

/* The line without "winmem: thread ": at most `room` bytes, zero included; longer ones end in
 * "...". Returns its length. */
size_t trace_format(char *text, size_t room, unsigned index, const uint64_t *arguments,
                    const uint64_t *result);

/* Names of codes, or NULL. */
const char *trace_status_name(uint32_t status);
const char *trace_error_name(uint32_t code);
