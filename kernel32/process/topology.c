/* GetLogicalProcessorInformation and its Ex form: cores, one package, one node, one group, the
 * caches. */
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/processor.h"

enum relation {
    RELATION_CORE,
    RELATION_NODE,
    RELATION_CACHE,
    RELATION_PACKAGE,
    RELATION_GROUP,
    RELATION_ALL = 0xFFFF
};

struct cache {
    BYTE level;
    DWORD type;                    /* PROCESSOR_CACHE_TYPE: 0 unified, 1 instruction, 2 data */
    int size, line, associativity; /* names for sysconf() */
};

static const struct cache caches[] = {
    {1, 2, _SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL1_DCACHE_LINESIZE, _SC_LEVEL1_DCACHE_ASSOC},
    {1, 1, _SC_LEVEL1_ICACHE_SIZE, _SC_LEVEL1_ICACHE_LINESIZE, _SC_LEVEL1_ICACHE_ASSOC},
    {2, 0, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL2_CACHE_LINESIZE, _SC_LEVEL2_CACHE_ASSOC},
    {3, 0, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL3_CACHE_LINESIZE, _SC_LEVEL3_CACHE_ASSOC},
};

static DWORD cache_value(int name)
{
    long value = sysconf(name);
    return value > 0 ? (DWORD)value : 0;
}

/* A record of either form while it is collected. */
struct record {
    enum relation relation;
    uint64_t mask;
    const struct cache *cache;
};

/* Record number `index`, or false after the last. */
static bool record_at(unsigned index, struct record *ret_record)
{
    unsigned cores = processor_count();
    if (index < cores) {
        *ret_record = (struct record){RELATION_CORE, 1ull << index, NULL};
        return true;
    }
    index -= cores;
    for (unsigned i = 0; i < array_length(caches); i++) {
        if (cache_value(caches[i].size) == 0)
            continue;
        bool shared = caches[i].level == 3;
        unsigned copies = shared ? 1 : cores;
        if (index < copies) {
            *ret_record = (struct record){RELATION_CACHE, shared ? processor_mask() : 1ull << index,
                                          &caches[i]};
            return true;
        }
        index -= copies;
    }
    static const enum relation rest[] = {RELATION_PACKAGE, RELATION_NODE, RELATION_GROUP};
    if (index >= array_length(rest))
        return false;
    *ret_record = (struct record){rest[index], processor_mask(), NULL};
    return true;
}

static void fill_old(const struct record *record, SYSTEM_LOGICAL_PROCESSOR_INFORMATION *out)
{
    memset(out, 0, sizeof *out);
    out->ProcessorMask = record->mask;
    out->Relationship = record->relation;
    if (record->cache) {
        out->Cache.Level = record->cache->level;
        out->Cache.Associativity = (BYTE)cache_value(record->cache->associativity);
        out->Cache.LineSize = (WORD)cache_value(record->cache->line);
        out->Cache.Size = cache_value(record->cache->size);
        out->Cache.Type = record->cache->type;
    }
}

BOOL k32_GetLogicalProcessorInformation(PSYSTEM_LOGICAL_PROCESSOR_INFORMATION Buffer,
                                        PDWORD ReturnedLength)
{
    struct record record;
    DWORD room = *ReturnedLength, needed = 0;
    for (unsigned i = 0; record_at(i, &record); i++)
        if (record.relation != RELATION_GROUP)
            needed += (DWORD)sizeof *Buffer;
    *ReturnedLength = needed;
    if (room < needed) {
        last_error_set(ERROR_INSUFFICIENT_BUFFER);
        return FALSE;
    }
    for (unsigned i = 0; record_at(i, &record); i++)
        if (record.relation != RELATION_GROUP)
            fill_old(&record, Buffer++);
    return TRUE;
}

/* Sizes of the records, with one group mask each (winnt.h, x64). */
static DWORD size_of(enum relation relation)
{
    switch (relation) {
    case RELATION_CACHE:
        return 56;
    case RELATION_GROUP:
        return 80;
    default:
        return 48;
    }
}

static void fill_new(const struct record *record, SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *out)
{
    memset(out, 0, size_of(record->relation));
    out->Relationship = record->relation;
    out->Size = size_of(record->relation);
    switch (record->relation) {
    case RELATION_CACHE:
        out->Cache.Level = record->cache->level;
        out->Cache.Associativity = (BYTE)cache_value(record->cache->associativity);
        out->Cache.LineSize = (WORD)cache_value(record->cache->line);
        out->Cache.CacheSize = cache_value(record->cache->size);
        out->Cache.Type = record->cache->type;
        out->Cache.GroupMask.Mask = record->mask;
        break;
    case RELATION_GROUP:
        out->Group.MaximumGroupCount = out->Group.ActiveGroupCount = 1;
        out->Group.MaximumProcessorCount = out->Group.ActiveProcessorCount =
            (BYTE)processor_count();
        out->Group.ActiveProcessorMask = record->mask;
        break;
    case RELATION_NODE:
        out->NumaNode.GroupMask.Mask = record->mask;
        break;
    default:
        out->Processor.GroupCount = 1;
        out->Processor.GroupMask.Mask = record->mask;
        break;
    }
}

BOOL k32_GetLogicalProcessorInformationEx(DWORD RelationshipType,
                                          PSYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX Buffer,
                                          PDWORD ReturnedLength)
{
    struct record record;
    DWORD room = *ReturnedLength, needed = 0;
    if (RelationshipType > RELATION_GROUP && RelationshipType != RELATION_ALL)
        return face_bool(STATUS_INVALID_PARAMETER);
    for (unsigned i = 0; record_at(i, &record); i++)
        if (RelationshipType == RELATION_ALL || record.relation == RelationshipType)
            needed += size_of(record.relation);
    *ReturnedLength = needed;
    if (room < needed) {
        last_error_set(ERROR_INSUFFICIENT_BUFFER);
        return FALSE;
    }
    char *at = (char *)Buffer;
    for (unsigned i = 0; record_at(i, &record); i++)
        if (RelationshipType == RELATION_ALL || record.relation == RelationshipType) {
            fill_new(&record, (SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *)at);
            at += size_of(record.relation);
        }
    return TRUE;
}
