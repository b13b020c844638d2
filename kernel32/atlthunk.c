/*
 * Thunks that call a function with a first argument of their own. A block is one page-aligned piece
 * of code, written once and then never writable again, followed by as many bytes of data: thunk i
 * is at code + 16 i and reads its function and argument from data + 16 i, which lie at the same
 * distance for each. No page is ever writable and executable at once.
 */
#include <string.h>
#include "kernel32/face.h"
#include "memoryapi/futex.h"
#include "memoryapi/mm.h"

#define BLOCK 16384u /* bytes of code, and of data after it */
#define THUNK 16u    /* bytes of one thunk, and of its data */

struct thunk_data {
    void *function; /* NULL until it is set */
    union {
        uint64_t argument;
        struct thunk_data *next_free; /* of a free thunk; under `lock` */
    };
};

static struct futex_lock lock;
static struct thunk_data *free_thunks; /* under `lock` */

/*
 *   48 8B 0D rel32    mov rcx, [rip + rel32]    the argument; 7 bytes
 *   FF 25 rel32       jmp [rip + rel32]         the function; 6 bytes
 *   CC CC CC          int3
 */
static void write_thunk(uint8_t *at)
{
    const int32_t to_argument = (int32_t)(BLOCK + offsetof(struct thunk_data, argument) - 7);
    const int32_t to_function = (int32_t)(BLOCK + offsetof(struct thunk_data, function) - 13);
    memcpy(at, "\x48\x8B\x0D", 3);
    memcpy(at + 3, &to_argument, 4);
    memcpy(at + 7, "\xFF\x25", 2);
    memcpy(at + 9, &to_function, 4);
    memset(at + 13, 0xCC, 3);
}

static NTSTATUS add_block_locked(void)
{
    struct mm_request request = {
        .size = 2 * BLOCK, .type = MEM_RESERVE | MEM_COMMIT, .protect = PAGE_READWRITE};
    NTSTATUS status = mm_allocate(&request);
    if (!NT_SUCCESS(status))
        return status;
    uint8_t *code = (uint8_t *)request.base;
    for (unsigned i = 0; i < BLOCK / THUNK; i++)
        write_thunk(code + THUNK * i);
    uint64_t base = request.base, size = BLOCK;
    uint32_t old;
    status = mm_protect(&base, &size, PAGE_EXECUTE_READ, &old);
    if (!NT_SUCCESS(status)) {
        base = request.base;
        size = 0;
        mm_free(&base, &size, MEM_RELEASE);
        return status;
    }
    struct thunk_data *data = (struct thunk_data *)(code + BLOCK);
    for (unsigned i = 0; i < BLOCK / THUNK; i++) {
        data[i].next_free = free_thunks;
        free_thunks = &data[i];
    }
    return STATUS_SUCCESS;
}

AtlThunkData_t *atl_AtlThunk_AllocateData(void)
{
    futex_lock(&lock);
    NTSTATUS status = free_thunks ? STATUS_SUCCESS : add_block_locked();
    struct thunk_data *data = free_thunks;
    if (data)
        free_thunks = data->next_free;
    futex_unlock(&lock);
    if (data)
        *data = (struct thunk_data){0};
    return face_pointer(status, data);
}

void atl_AtlThunk_InitData(AtlThunkData_t *thunk, PVOID proc, SIZE_T firstParameter)
{
    struct thunk_data *data = (struct thunk_data *)thunk;
    data->function = proc;
    data->argument = firstParameter;
}

WNDPROC atl_AtlThunk_DataToCode(AtlThunkData_t *thunk)
{
    return (WNDPROC)(void *)((uint8_t *)thunk - BLOCK);
}

void atl_AtlThunk_FreeData(AtlThunkData_t *thunk)
{
    struct thunk_data *data = (struct thunk_data *)thunk;
    if (!data)
        return;
    futex_lock(&lock);
    data->function = NULL;
    data->next_free = free_thunks;
    free_thunks = data;
    futex_unlock(&lock);
}
