/* Objects and the handle table. */
#include <check.h>
#include <pthread.h>
#include <winmem/windef.h>
#include "memoryapi/object.h"
#include "tests/unit/suite.h"

struct thing {
    struct object object;
    int closed, destroyed;
};

static void destroy(struct object *object)
{
    ((struct thing *)object)->destroyed++;
}

static void closed(struct object *object)
{
    ((struct thing *)object)->closed++;
}

static const struct object_rights rights = {0x1, 0x2, 0x4, 0x7};
static const struct object_ops ops = {OBJECT_EVENT, "thing", destroy, closed, &rights, NULL};
static const struct object_ops plain_ops = {OBJECT_FILE, "plain", destroy, NULL, NULL, NULL};

START_TEST(lowest_free_handle_first)
{
    struct thing thing = {0};
    HANDLE h[600];
    object_init(&thing.object, &ops);
    for (uint64_t i = 0; i < 600; i++) {
        ck_assert_int_eq(handle_create(&thing.object, 0, false, &h[i]), STATUS_SUCCESS);
        ck_assert_uint_eq((uint64_t)h[i], 4 * (i + 1));
    }
    ck_assert_uint_eq(handle_count(), 600);
    ck_assert_int_eq(handle_close(h[500]), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(h[7]), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(h[7]), STATUS_INVALID_HANDLE);
    HANDLE again;
    ck_assert_int_eq(handle_create(&thing.object, 0, false, &again), STATUS_SUCCESS);
    ck_assert_ptr_eq(again, h[7]);
    ck_assert_int_eq(handle_create(&thing.object, 0, false, &again), STATUS_SUCCESS);
    ck_assert_ptr_eq(again, h[500]);
    for (int i = 0; i < 600; i++)
        ck_assert_int_eq(handle_close(h[i]), STATUS_SUCCESS);
    ck_assert_int_eq(thing.closed, 1);
    ck_assert_int_eq(thing.destroyed, 0);
    object_unref(&thing.object);
    ck_assert_int_eq(thing.destroyed, 1);
}
END_TEST

START_TEST(lookup_checks_type_and_access)
{
    struct thing thing = {0}, other = {0};
    struct object *found = NULL;
    HANDLE h, p;
    object_init(&thing.object, &ops);
    object_init(&other.object, &plain_ops);
    ck_assert_int_eq(handle_create(&thing.object, 0x80000000u, false, &h), STATUS_SUCCESS);
    ck_assert_int_eq(handle_create(&other.object, 0x80000000u, false, &p), STATUS_SUCCESS);
    ck_assert_int_eq(handle_lookup(h, OBJECT_FILE, 0, &found), STATUS_OBJECT_TYPE_MISMATCH);
    ck_assert_int_eq(handle_lookup(h, OBJECT_EVENT, 0x2, &found), STATUS_ACCESS_DENIED);
    ck_assert_ptr_null(found);
    ck_assert_int_eq(handle_lookup(h, OBJECT_EVENT, 0x1, &found), STATUS_SUCCESS);
    ck_assert_ptr_eq(found, &thing.object);
    ck_assert_uint_eq(thing.object.refs, 3);
    object_unref(found);
    /* the two low bits belong to the caller */
    ck_assert_int_eq(handle_lookup((HANDLE)((uint64_t)h | 3), OBJECT_ANY, 0, &found),
                     STATUS_SUCCESS);
    object_unref(found);
    ck_assert_int_eq(handle_lookup(p, OBJECT_FILE, 0x1F01FF, &found), STATUS_SUCCESS);
    object_unref(found);
    ck_assert_int_eq(handle_lookup(NULL, OBJECT_ANY, 0, &found), STATUS_INVALID_HANDLE);
    ck_assert_int_eq(handle_lookup((HANDLE)0x123456789ABCull, OBJECT_ANY, 0, &found),
                     STATUS_INVALID_HANDLE);
    handle_close(h);
    handle_close(p);
}
END_TEST

START_TEST(duplicate_and_flags)
{
    struct thing thing = {0};
    struct object *found;
    HANDLE h, d;
    uint32_t flags;
    object_init(&thing.object, &ops);
    ck_assert_int_eq(handle_create(&thing.object, 0x1, true, &h), STATUS_SUCCESS);
    object_unref(&thing.object);
    ck_assert_int_eq(handle_flags(h, &flags), STATUS_SUCCESS);
    ck_assert_uint_eq(flags, 1);
    ck_assert_int_eq(handle_duplicate(h, 0x6, false, false, &d), STATUS_SUCCESS);
    ck_assert_int_eq(handle_lookup(d, OBJECT_EVENT, 0x1, &found), STATUS_ACCESS_DENIED);
    ck_assert_int_eq(handle_set_flags(d, 3, 2), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(d), STATUS_HANDLE_NOT_CLOSABLE);
    ck_assert_int_eq(handle_set_flags(d, 2, 0), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(h), STATUS_SUCCESS);
    ck_assert_int_eq(thing.destroyed, 0);
    ck_assert_int_eq(handle_close(d), STATUS_SUCCESS);
    ck_assert_int_eq(thing.destroyed, 1);
}
END_TEST

static void *hammer(void *argument)
{
    HANDLE shared = argument;
    for (int i = 0; i < 20000; i++) {
        struct object *object;
        HANDLE mine;
        if (handle_lookup(shared, OBJECT_EVENT, 1, &object) != STATUS_SUCCESS)
            return "lookup";
        if (handle_create(object, 1, false, &mine) != STATUS_SUCCESS)
            return "create";
        object_unref(object);
        if (handle_close(mine) != STATUS_SUCCESS)
            return "close";
    }
    return NULL;
}

START_TEST(a_handle_of_a_given_value)
{
    struct thing thing = {0};
    struct object *found;
    HANDLE low, next;
    ACCESS_MASK access;
    object_init(&thing.object, &ops);
    /* in a chunk that is not there yet, and then in those before it */
    ck_assert_int_eq(handle_create_at((HANDLE)0x1000, &thing.object, 0x5), STATUS_SUCCESS);
    ck_assert_int_eq(handle_create_at((HANDLE)0x1000, &thing.object, 0), STATUS_INVALID_HANDLE);
    ck_assert_int_eq(handle_create_at((HANDLE)0x1002, &thing.object, 0), STATUS_INVALID_HANDLE);
    ck_assert_int_eq(handle_create_at(NULL, &thing.object, 0), STATUS_INVALID_HANDLE);
    ck_assert_int_eq(handle_create_at((HANDLE)(1ull << 40), &thing.object, 0),
                     STATUS_INVALID_HANDLE);
    ck_assert_int_eq(handle_create(&thing.object, 0, false, &low), STATUS_SUCCESS);
    ck_assert_ptr_eq(low, (HANDLE)4);
    ck_assert_int_eq(handle_create_at((HANDLE)8, &thing.object, 0x2), STATUS_SUCCESS);
    ck_assert_int_eq(handle_create(&thing.object, 0, false, &next), STATUS_SUCCESS);
    ck_assert_ptr_eq(next, (HANDLE)12);
    ck_assert_uint_eq(handle_count(), 4);
    /* those that are inherited, in order */
    ck_assert(handle_next_inheritable(NULL, &next, &access, &found));
    ck_assert_ptr_eq(next, (HANDLE)8);
    ck_assert_uint_eq(access, 0x2);
    ck_assert_ptr_eq(found, &thing.object);
    object_unref(found);
    ck_assert(handle_next_inheritable(next, &next, &access, &found));
    ck_assert_ptr_eq(next, (HANDLE)0x1000);
    ck_assert_uint_eq(access, 0x5);
    object_unref(found);
    ck_assert(!handle_next_inheritable(next, &next, &access, &found));
    handle_close((HANDLE)4);
    handle_close((HANDLE)8);
    handle_close((HANDLE)12);
    handle_close((HANDLE)0x1000);
    ck_assert_uint_eq(thing.object.refs, 1);
}
END_TEST

START_TEST(threads_share_the_table)
{
    struct thing thing = {0};
    HANDLE h;
    pthread_t thread[4];
    object_init(&thing.object, &ops);
    ck_assert_int_eq(handle_create(&thing.object, 1, false, &h), STATUS_SUCCESS);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, hammer, h), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(thread[i], &failed);
        ck_assert_msg(!failed, "%s", (char *)failed);
    }
    ck_assert_uint_eq(thing.object.refs, 2);
    ck_assert_uint_eq(thing.object.handles, 1);
    ck_assert_uint_eq(handle_count(), 1);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("object");
    tcase_add_test(tcase, lowest_free_handle_first);
    tcase_add_test(tcase, lookup_checks_type_and_access);
    tcase_add_test(tcase, duplicate_and_flags);
    tcase_add_test(tcase, a_handle_of_a_given_value);
    tcase_add_test(tcase, threads_share_the_table);
    return suite_run("object", tcase);
}
