/*
 * What an adapter answers to one kind of question of D3DKMTQueryAdapterInfo. The functions get a copy
 * of the caller's structure and make it the answer; they may touch the caller's memory, as no lock is
 * held, and return the status of the call. With a failure the copy is dropped.
 */
#pragma once

#include "d3dkmt/kmt.h"

struct info {
    const struct vidmm *mm;
    void *data;    /* the copy, as long as the structure of the type */
    void *at;      /* what the caller gave */
    uint32_t size; /* bytes of that */
};

/* As GUID of guiddef.h is laid out. */
struct info_guid {
    uint32_t first;
    uint16_t second, third;
    uint8_t rest[8];
};

/* info_identity.c: who the adapter and its driver are */
NTSTATUS info_guid(struct info *info);
NTSTATUS info_unique_guid(struct info *info);
NTSTATUS info_address(struct info *info);
NTSTATUS info_device_ids(struct info *info);
NTSTATUS info_names(struct info *info);
NTSTATUS info_description(struct info *info);
NTSTATUS info_gpu_version(struct info *info);
NTSTATUS info_model(struct info *info);
NTSTATUS info_driver_version(struct info *info);
NTSTATUS info_user_driver(struct info *info);
NTSTATUS info_pnp_key(struct info *info);
NTSTATUS info_type(struct info *info);

/* info_hardware.c: its memory, its nodes, what it can */
NTSTATUS info_segments(struct info *info);
NTSTATUS info_segment_groups(struct info *info);
NTSTATUS info_virtual_addresses(struct info *info);
NTSTATUS info_address_bits(struct info *info);
NTSTATUS info_physical_adapters(struct info *info);
NTSTATUS info_node(struct info *info);
NTSTATUS info_caps_1_2(struct info *info);
NTSTATUS info_caps_2_0(struct info *info);
NTSTATUS info_node_speed(struct info *info);
NTSTATUS info_speed(struct info *info);
NTSTATUS info_speed_limits(struct info *info);
NTSTATUS info_tracked_workloads(struct info *info);

/* info_registry.c */
NTSTATUS info_registry(struct info *info);

/* The units of `text`, which is ASCII, and a zero; as many as `room` has units for. */
void info_text(WCHAR *ret_text, size_t room, const char *text);
#define INFO_GUID_TEXT 39 /* with its zero */
void info_guid_text(const struct vidmm *mm, char ret_text[INFO_GUID_TEXT]);
#define INFO_DRIVER_VERSION "30.0.0.1"  /* the first number goes with WDDM 3.0 */
#define INFO_HERTZ          1000000000u /* of the nodes: a tick is a virtual nanosecond */
