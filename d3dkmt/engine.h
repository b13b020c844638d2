/*
 * The engines of the adapters as this process uses them: their nodes, and who runs on them. The nodes
 * of different processes do not wait for each other.
 *
 * pre, for all: kmt_lock
 */
#pragma once

#include "d3dkmt/kmt.h"

struct kmt_context;

#define ENGINE_TIMEOUT 2000000000ull /* virtual nanoseconds: TdrDelay */

/* Room for what is needed to run. False: there is no memory. */
bool engine_is_ready(const struct vidmm *mm);
void engine_add(struct kmt_context *context);
/* Its work does not run any more. pre: it runs */
void engine_stop(struct kmt_context *context);
/* A stream or an object changed. */
void engine_stir(void);
/* All that can go on does, and waits that are over are told. */
void engine_settle(void);
/* The adapter was stopped, removed or reset since it was looked at last: its devices learn of it. */
void engine_notice(const struct vidmm *mm);
void engine_notice_all(void);
/* The process leaves the machine: nothing looks at it any more. pre: kmt_lock is not held */
void engine_leave(void);
/* In the child of a fork: it is alone, and has no contexts. */
void engine_begin_child(void);
/* A stream waits for something that another process can signal. */
bool engine_waits_for_others(void);
/* Virtual nanoseconds that the work of this process that runs on the node now has run; 0: none runs. */
uint64_t engine_running_now(const struct vidmm *mm, uint32_t node);
/* A timeout that somebody asks for: of the adapter, with all devices on it; of a node, with those
 * devices of this process that have work for it. Counts as a hang. */
void engine_reset(const struct vidmm *mm);
void engine_reset_node(const struct vidmm *mm, uint32_t node);
