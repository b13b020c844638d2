/* The machine in memory of this process alone. */
#include "d3dkmt/state.h"

#include <string.h>
#include "d3dkmt/plan.h"
#include "memoryapi/futex.h"
#include "memoryapi/host.h"

static struct futex_lock lock;
static struct vid_machine *machine;
static struct vidmm adapters[VID_ADAPTERS];

NTSTATUS gpu_attach(void)
{
    struct vid_plan plan;
    const char *wrong;
    void *memory;
    NTSTATUS status = STATUS_SUCCESS;
    futex_lock(&lock);
    if (!machine) {
        if (!vid_plan_parse(vid_plan_default, &plan, &wrong) ||
            host->bookkeeping(vid_machine_size(&plan), false, &memory) < 0 ||
            !vid_machine_make(memory, &plan)) {
            status = STATUS_NO_MEMORY;
        } else {
            machine = memory;
            for (uint32_t i = 0; i < machine->adapter_count; i++)
                vidmm_see(&adapters[i], machine, i, 1);
        }
    }
    futex_unlock(&lock);
    return status;
}

void gpu_detach(void)
{
}

uint32_t gpu_adapter_count(void)
{
    return machine->adapter_count;
}

const struct vidmm *gpu_adapter(uint32_t index)
{
    return &adapters[index];
}

uint16_t gpu_process(void)
{
    return 1;
}
