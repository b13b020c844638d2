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

const struct statement life_statements[] = {{"GM-001", compete}, {"GM-002", vanish}, END};
