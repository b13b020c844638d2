/*
 * Adapters as a process has them: every opening has a handle of its own, and all openings of one
 * adapter are alike. An adapter that was stopped or removed is not listed and not opened any more;
 * the handles that were there answer STATUS_DEVICE_REMOVED, and can be closed. So they do when it was
 * put in again, with another LUID.
 */
#pragma once

#include "d3dkmt/kmt.h"

#define ADAPTER_NAME_MOST 96u /* units of a device interface path, with its zero */

/*
 * The machine, for a call that finds or lists adapters. STATUS_NO_MEMORY: there is none to be had;
 * stderr says why.
 */
NTSTATUS adapter_machine(void);

/* pre, for all below: adapter_machine was STATUS_SUCCESS */
LUID adapter_luid(const struct vidmm *mm);
bool adapter_runs(const struct vidmm *mm);
/* It runs, and is the one that was opened. */
bool adapter_is_there(const struct kmt_adapter *adapter);
/* Running or not; NULL: no adapter has the LUID. */
const struct vidmm *adapter_of(LUID luid);
/* The path of its device interface. */
void adapter_device_name(const struct vidmm *mm, WCHAR ret_name[ADAPTER_NAME_MOST]);

/*
 * Which process of the machine a handle names; NULL: this one. STATUS_INVALID_HANDLE,
 * STATUS_ACCESS_DENIED: it has no right to query; STATUS_INVALID_PARAMETER: it does not use the
 * machine.
 */
NTSTATUS adapter_process(HANDLE handle, uint16_t *ret_process);
/* STATUS_INVALID_HANDLE: it names no process. */
NTSTATUS adapter_process_exists(HANDLE handle);

/* pre, for the rest: kmt_lock. A new handle: STATUS_NO_MEMORY. */
NTSTATUS adapter_open(const struct vidmm *mm, D3DKMT_HANDLE *ret_handle);
void adapter_close(struct kmt_adapter *adapter);
/*
 * A call begins that works on the adapter: its time passes. STATUS_INVALID_PARAMETER: no such
 * handle. STATUS_DEVICE_REMOVED: it was stopped or removed.
 */
NTSTATUS adapter_use(D3DKMT_HANDLE handle, const struct vidmm **ret_mm);
