/* The child's side of start_record.h; in a process that no Windows program started, nothing. */
#pragma once

#include "kernel32/process/start_record.h"

/* Reads and checks the record behind a descriptor, and takes the descriptor over.
 * STATUS_INVALID_PARAMETER when it is none. */
NTSTATUS started_open(int descriptor);
/* NULL: no Windows program started this one. Constant. */
const struct start_record *started_record(void);
const void *started_bytes(const struct start_text *text);

/* Opens the inherited handles at their values. Before any other handle is made. */
NTSTATUS started_take_handles(void);
/* Standard handles, priority class, error mode: what stays in the process. After the PEB is made. */
void started_adopt(void);
/* Created suspended: until the parent resumes the thread. Ends the process when the parent ends
 * without having done so. */
void started_wait(void);
/* The exit code in all its bits, for the parent. */
void started_report(uint32_t code);
