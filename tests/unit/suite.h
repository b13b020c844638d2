/* How each of these programs ends: it runs its tests. */
#pragma once

#include <check.h>

/* Of main: the exit code. CK_VERBOSITY says how much is told, CK_RUN_CASE what is run. */
static inline int suite_run(const char *name, TCase *tests)
{
    Suite *suite = suite_create(name);
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
