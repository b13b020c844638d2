/* Finding, opening and closing adapters. */
#include "gpu_device.h"

enum { ROOM = 64 };

static unsigned list(D3DKMT_ADAPTERINFO adapters[ROOM])
{
    D3DKMT_ENUMADAPTERS2 wanted = {ROOM, adapters};
    memset(adapters, 0, ROOM * sizeof *adapters);
    good(D3DKMTEnumAdapters2(&wanted));
    return wanted.NumAdapters < ROOM ? wanted.NumAdapters : 0;
}

static void close_all(const D3DKMT_ADAPTERINFO *adapters, unsigned count)
{
    unsigned i;
    for (i = 0; i < count; i++)
        good(close_adapter(adapters[i].hAdapter));
}

static void kmt101(void)
{
    static D3DKMT_ADAPTERINFO adapters[ROOM];
    D3DKMT_ENUMADAPTERS2 most = {0, NULL};
    unsigned count = list(adapters);
    good(D3DKMTEnumAdapters2(&most));
    ok("adapters", count > 0);
    ok("no less", most.NumAdapters >= count);
    close_all(adapters, count);
}

/* As the Vulkan loader does: the number, an array of that many, the array filled. */
static void kmt102(void)
{
    static D3DKMT_ADAPTERINFO adapters[ROOM];
    D3DKMT_ENUMADAPTERS2 wanted = {0, NULL};
    unsigned i;

    good(D3DKMTEnumAdapters2(&wanted));
    ok("so many", wanted.NumAdapters <= ROOM);
    memset(adapters, 0xEE, sizeof adapters);
    wanted.pAdapters = adapters;
    good(D3DKMTEnumAdapters2(&wanted));
    ok("filled", wanted.NumAdapters > 0 && wanted.NumAdapters < ROOM);
    for (i = 0; i < wanted.NumAdapters && i < ROOM; i++) {
        ok("handle", adapters[i].hAdapter != 0 && adapters[i].hAdapter != 0xEEEEEEEE);
        ok("LUID", adapters[i].AdapterLuid.LowPart != 0xEEEEEEEE);
        ok("sources", adapters[i].NumOfSources <= 16);
    }
    same("behind them", adapters[i].hAdapter, 0xEEEEEEEE);
    close_all(adapters, i);
}

static void kmt103(void)
{
    static D3DKMT_ADAPTERINFO adapters[ROOM];
    D3DKMT_ENUMADAPTERS2 second = {0, adapters};
    D3DKMT_ENUMADAPTERS3 third = {.pAdapters = adapters};
    unsigned count = list(adapters);

    close_all(adapters, count);
    adapters[0].hAdapter = 0x1234;
    second.NumAdapters = third.NumAdapters = count - 1;
    gives(STATUS_BUFFER_TOO_SMALL, D3DKMTEnumAdapters2(&second));
    gives(STATUS_BUFFER_TOO_SMALL, D3DKMTEnumAdapters3(&third));
    same("not filled", adapters[0].hAdapter, 0x1234);
}

static void kmt104(void)
{
    static D3DKMT_ADAPTERINFO first[ROOM], second[ROOM];
    D3DKMT_PHYSICAL_ADAPTER_COUNT behind = {0};
    unsigned count = list(first), again = list(second);

    same("as many", again, count);
    ok("different", first[0].hAdapter != second[0].hAdapter);
    good(close_adapter(first[0].hAdapter));
    good(ask(second[0].hAdapter, KMTQAITYPE_PHYSICALADAPTERCOUNT, &behind, sizeof behind));
    close_all(first + 1, count - 1);
    close_all(second, again);
}

static void kmt105(void)
{
    static D3DKMT_ADAPTERINFO first[ROOM], second[ROOM];
    unsigned count = list(first), again = list(second), i, j;

    for (i = 0; i < count; i++) {
        ok("the same", same_luid(first[i].AdapterLuid, second[i].AdapterLuid));
        for (j = 0; j < i; j++)
            ok("another", !same_luid(first[i].AdapterLuid, first[j].AdapterLuid));
    }
    close_all(first, count);
    close_all(second, again);
}

static void kmt106(void)
{
    static D3DKMT_ADAPTERINFO second[ROOM];
    static D3DKMT_ENUMADAPTERS old;
    unsigned count = list(second), i;

    good(D3DKMTEnumAdapters((const D3DKMT_ENUMADAPTERS *)&old));
    same("as many", old.NumAdapters, count < 16 ? count : 16);
    for (i = 0; i < old.NumAdapters && i < 16; i++)
        ok("in this order", same_luid(old.Adapters[i].AdapterLuid, second[i].AdapterLuid));
    close_all(second, count);
    close_all(old.Adapters, i);
}

static void kmt107(void)
{
    static D3DKMT_ADAPTERINFO second[ROOM], third[ROOM];
    D3DKMT_ENUMADAPTERS3 wanted = {.NumAdapters = ROOM, .pAdapters = third};
    unsigned count = list(second), i, j;

    good(D3DKMTEnumAdapters3(&wanted));
    ok("some", wanted.NumAdapters > 0 && wanted.NumAdapters <= count);
    for (i = 0; i < wanted.NumAdapters && i < ROOM; i++) {
        for (j = 0; j < count && !same_luid(third[i].AdapterLuid, second[j].AdapterLuid); j++)
            ;
        ok("listed", j < count);
    }
    close_all(second, count);
    close_all(third, i);
}

static void kmt108(void)
{
    bad(D3DKMTEnumAdapters2(NULL));
    bad(D3DKMTEnumAdapters3(NULL));
    bad(D3DKMTEnumAdapters(NULL));
    bad(D3DKMTQueryAdapterInfo(NULL));
    bad(D3DKMTCreateDevice(NULL));
    bad(D3DKMTOpenAdapterFromLuid(NULL));
}

static void kmt109(void)
{
    D3DKMT_HANDLE opened = 0;
    D3DKMT_SEGMENTSIZEINFO one = {0}, other = {1, 1, 1};

    good(open_luid(adapter_luid(), &opened));
    ok("its own handle", opened && opened != adapter());
    good(ask(adapter(), KMTQAITYPE_GETSEGMENTSIZE, &one, sizeof one));
    good(ask(opened, KMTQAITYPE_GETSEGMENTSIZE, &other, sizeof other));
    same("dedicated", other.DedicatedVideoMemorySize, one.DedicatedVideoMemorySize);
    same("dedicated system", other.DedicatedSystemMemorySize, one.DedicatedSystemMemorySize);
    same("shared", other.SharedSystemMemorySize, one.SharedSystemMemorySize);
    good(close_adapter(opened));
}

static void kmt110(void)
{
    D3DKMT_HANDLE opened = 0x1234;
    bad(open_luid(NO_LUID, &opened));
    same("handle", opened, 0x1234);
}

static void kmt111(void)
{
    D3DKMT_OPENADAPTERFROMDEVICENAME open = {.pDeviceName = L"\\\\?\\PCI#VEN_77777#nobody",
                                             .hAdapter = 0x1234};
    bad(D3DKMTOpenAdapterFromDeviceName(&open));
    same("handle", open.hAdapter, 0x1234);
}

static void kmt112(void)
{
    D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME name = {.DeviceName = L"\\\\.\\DISPLAY1"};
    D3DKMT_OPENADAPTERFROMHDC context = {.hDc = (HDC)0x10021};
    bad(D3DKMTOpenAdapterFromGdiDisplayName(&name));
    bad(D3DKMTOpenAdapterFromHdc(&context));
}

static void kmt113(void)
{
    D3DKMT_HANDLE opened = 0;
    D3DKMT_PHYSICAL_ADAPTER_COUNT behind;
    D3DKMT_CREATEDEVICE create = {.hAdapter = 0};

    good(open_luid(adapter_luid(), &opened));
    good(close_adapter(opened));
    bad(close_adapter(opened));
    bad(close_adapter(0));
    bad(ask(opened, KMTQAITYPE_PHYSICALADAPTERCOUNT, &behind, sizeof behind));
    create.hAdapter = opened;
    bad(D3DKMTCreateDevice(&create));
    create.hAdapter = 0xFFFFFFC0;
    bad(D3DKMTCreateDevice(&create));
}

static void kmt114(void)
{
    D3DKMT_HANDLE opened = 0, device;

    good(open_luid(adapter_luid(), &opened));
    device = make_device_on(opened);
    good(close_adapter(opened));
    same("state", state_of(device), D3DKMT_DEVICEEXECUTION_ACTIVE);
    good(drop_context(make_context(device, 0)));
    good(drop_device(device));
}

const struct statement adapter_statements[] = {
    S(101), S(102), S(103), S(104), S(105), S(106), S(107), S(108),
    S(109), S(110), S(111), S(112), S(113), S(114), END,
};
