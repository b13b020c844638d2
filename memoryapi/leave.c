/* The end of the process. */
#include "memoryapi/leave.h"

#include <pthread.h>
#include <stdlib.h>
#include "memoryapi/base.h"

static struct {
    pthread_mutex_t lock;
    unsigned count;
    bool hooked; /* atexit knows */
    void (*works[8])(void);
} leave = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool leave_register(void (*work)(void))
{
    bool known = false;
    pthread_mutex_lock(&leave.lock);
    for (unsigned i = 0; i < leave.count; i++)
        known = known || leave.works[i] == work;
    if (!known && !leave.hooked)
        leave.hooked = atexit(leave_run) == 0;
    if (!known && leave.hooked && leave.count < array_length(leave.works)) {
        leave.works[leave.count++] = work;
        known = true;
    }
    pthread_mutex_unlock(&leave.lock);
    return known;
}

void leave_run(void)
{
    for (;;) {
        void (*work)(void) = NULL;
        pthread_mutex_lock(&leave.lock);
        if (leave.count)
            work = leave.works[--leave.count];
        pthread_mutex_unlock(&leave.lock);
        if (!work)
            return;
        work();
    }
}
