/*
 * What the CPU sees of an allocation. Private contents are committed memory of the process, taken at
 * the first lock; the address can be used only while a lock is held. Shared contents are a file
 * (state.h) that is mapped at the first lock and stays so. pre, for all: kmt_lock.
 */
#pragma once

#include "d3dkmt/kmt.h"

enum kmt_contents {
    CONTENTS_PRIVATE,
    CONTENTS_EXISTING, /* memory of the program: contents is set, and never freed here */
    CONTENTS_SHARED    /* of a shared resource */
};

/* The first lock: contents can be read and written. STATUS_NO_MEMORY. */
NTSTATUS contents_open(struct kmt_allocation *allocation);
/* After the last unlock. */
void contents_close(struct kmt_allocation *allocation);
/*
 * They are lost, their memory is not: from now on they read as zero, or as poison; shared ones in
 * every process. pre, for shared ones: the adapter's lock; it is offered
 */
void contents_lose(struct kmt_allocation *allocation);
/* They are lost with their memory: contents_open takes it anew. */
void contents_give_back(struct kmt_allocation *allocation);
/* The allocation goes. */
void contents_free(struct kmt_allocation *allocation);
