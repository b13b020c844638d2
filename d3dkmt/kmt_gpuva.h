/*
 * The GPU address space of this process on an adapter, which all its devices there share. What a
 * queue of a device made in it stays when the device goes; what is mapped to an allocation goes with
 * that.
 *
 * pre, for all: kmt_lock
 */
#pragma once

#include "d3dkmt/gpuva.h"
#include "d3dkmt/kmt.h"

struct gpuva *kmt_gpuva_of(const struct vidmm *mm);
/* Nothing is mapped to it any more. */
void kmt_gpuva_forget(struct kmt_allocation *allocation);
/* Bytes of an allocation that can be mapped. */
uint64_t kmt_gpuva_size(const struct kmt_allocation *allocation);
/* In the child of a fork: nothing is reserved. */
void gpuva_begin_child(void);
