/* A whole life in one piece: what a program does with video memory while another one competes. */
#include "gpu_memory_child.h"

enum { LOW = 1, NORMAL, HIGH };
enum { INTACT, LOST };

/* The other process is within its half of the budget, so that it gets room from our offers. */
static void compete(void)
{
    D3DKMT_HANDLE low, high;
    struct child child;
    begin();
    low = make(20 * MIB);
    high = make(20 * MIB);
    fill(low, 20 * MIB, 1);
    fill(high, 20 * MIB, 2);
    same("resident", resident(low), OK);
    same("resident", resident(high), OK);
    same("offer", offer(high, HIGH, 0), OK);
    same("offer", offer(low, LOW, 0), OK);
    if (child_start(&child, "hold 28")) {
        same("high stands", reclaim(high), INTACT);
        ok("every byte", holds(high, 20 * MIB, 2));
        same("low went to the other process", reclaim(low), LOST);
        ok("nothing of it", is_zero(low, 20 * MIB));
        same("child", child_end(&child), 0);
    }
    fill(low, 20 * MIB, 3);
    same("evict", evict(high, 0), OK);
    ok("written anew", holds(low, 20 * MIB, 3));
    same("destroy", destroy(low), OK);
    same("destroy", destroy(high), OK);
    end();
}

/* Whoever ends without a word gives all back. */
static void vanish(void)
{
    struct child child;
    UINT64 alone;
    begin();
    alone = memory(0).Budget;
    for (unsigned i = 0; i < 4; i++) {
        if (!child_start(&child, "hold 28"))
            break;
        ok("the budget is shared", memory(0).Budget < alone);
        same("it vanishes", TerminateProcess(child.process, 9), TRUE);
        same("its code", child_end(&child), 9);
    }
    Sleep(200); /* the dead are looked for now and then */
    same("the budget", memory(0).Budget, alone);
    same("resident", resident(make(60 * MIB)), OK);
    end();
}

/* Asks whoever runs the program to do something with the adapter. FALSE: there is nobody. */
static BOOL ask_for(const char *what)
{
    char byte;
    DWORD count = 0;
    kit_print("GM-003 ");
    kit_print(what);
    kit_print("\r\n");
    return ReadFile(GetStdHandle(STD_INPUT_HANDLE), &byte, 1, &count, NULL) && count;
}

static D3DKMT_HANDLE make_shared(D3DKMT_HANDLE *parts, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_HANDLE resource = 0;
    same("a shared resource",
         create(0, parts, 2,
                D3DKMT_CREATEALLOCATIONFLAGS_CreateResource |
                    D3DKMT_CREATEALLOCATIONFLAGS_CreateShared,
                &resource, ret_global),
         OK);
    fill(parts[0], MIB, 1);
    return resource;
}

static NTSTATUS destroy_resource(D3DKMT_HANDLE resource)
{
    const D3DKMT_DESTROYALLOCATION2 data = {.hDevice = device, .hResource = resource};
    return D3DKMTDestroyAllocation2(&data);
}

/* The adapter is taken out while things are resident, offered and shared, and comes back as new. */
static void removal(void)
{
    D3DKMT_QUERYVIDEOMEMORYINFO told = {.hAdapter = adapter};
    D3DKMT_HANDLE held, offered, lost, parts[2], resource, global = 0, second;
    D3DKMT_QUERYRESOURCEINFO query = {0};
    struct child child;
    UINT64 alone;
    begin();
    alone = memory(0).Budget;
    held = make(10 * MIB);
    offered = make(10 * MIB);
    lost = make(10 * MIB);
    resource = make_shared(parts, &global);
    same("resident", resident(held), OK);
    same("resident", resident(offered), OK);
    same("offer", offer(offered, HIGH, 0), OK);
    same("offer", offer(lost, LOW, 0), OK);
    if (!child_start_with(&child, "open", global))
        return;
    ok("the other process wrote", holds(parts[0], MIB, 2));
    if (!ask_for("remove")) {
        child_end(&child);
        end();
        kit_skip("nobody removes the adapter");
        return;
    }
    same("resident", resident(held), GONE);
    same("reclaim", reclaim_all(&offered, 1, NULL), GONE);
    same("reclaim", reclaim_all(&lost, 1, NULL), GONE);
    same("offer", offer(held, LOW, 0), GONE);
    same("lock", lock_status(parts[0]), GONE);
    same("no device", make_device(), 0);
    query.hDevice = device;
    query.hGlobalShare = global;
    same("what is shared", D3DKMTQueryResourceInfo(&query), GONE);
    same("the other process ends", child_end(&child), 0);
    same("destroy", destroy(offered), OK);
    same("destroy", destroy_resource(resource), OK);
    if (!ask_for("restore"))
        ok("somebody puts it in again", FALSE);
    same("a device of before stays lost", resident(held), GONE);
    same("the handle of before opens nothing", make_device(), 0);
    same("and tells nothing", D3DKMTQueryVideoMemoryInfo(&told), GONE);
    ok("another adapter", open_adapter());
    ok("another handle", adapter != told.hAdapter);
    second = make_device();
    ok("a new device", second);
    destroy_device(second);
    begin(); /* the old one goes with what it still has */
    same("the budget", memory(0).Budget, alone);
    same("all of the room", resident(make(60 * MIB)), OK);
    end();
}

const struct statement life_statements[] = {
    {"GM-001", compete}, {"GM-002", vanish}, {"GM-003", removal}, END};
