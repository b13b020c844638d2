/* The privileges of the account. */
#include "memoryapi/privilege.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "memoryapi/setting.h"

#define BIT(number) (1ull << (number))
/* What Windows gives an ordinary user, as far as it matters to a program of one process. */
#define ORDINARY (BIT(PRIVILEGE_CHANGE_NOTIFY) | BIT(PRIVILEGE_INCREASE_WORKING_SET))

static const char *const names[PRIVILEGE_COUNT] = {
    [2] = "SeCreateTokenPrivilege",
    [3] = "SeAssignPrimaryTokenPrivilege",
    [PRIVILEGE_LOCK_MEMORY] = "SeLockMemoryPrivilege",
    [PRIVILEGE_INCREASE_QUOTA] = "SeIncreaseQuotaPrivilege",
    [6] = "SeMachineAccountPrivilege",
    [7] = "SeTcbPrivilege",
    [8] = "SeSecurityPrivilege",
    [9] = "SeTakeOwnershipPrivilege",
    [10] = "SeLoadDriverPrivilege",
    [11] = "SeSystemProfilePrivilege",
    [12] = "SeSystemtimePrivilege",
    [PRIVILEGE_PROFILE_SINGLE_PROCESS] = "SeProfileSingleProcessPrivilege",
    [14] = "SeIncreaseBasePriorityPrivilege",
    [15] = "SeCreatePagefilePrivilege",
    [16] = "SeCreatePermanentPrivilege",
    [17] = "SeBackupPrivilege",
    [18] = "SeRestorePrivilege",
    [19] = "SeShutdownPrivilege",
    [PRIVILEGE_DEBUG] = "SeDebugPrivilege",
    [21] = "SeAuditPrivilege",
    [22] = "SeSystemEnvironmentPrivilege",
    [PRIVILEGE_CHANGE_NOTIFY] = "SeChangeNotifyPrivilege",
    [24] = "SeRemoteShutdownPrivilege",
    [25] = "SeUndockPrivilege",
    [26] = "SeSyncAgentPrivilege",
    [27] = "SeEnableDelegationPrivilege",
    [28] = "SeManageVolumePrivilege",
    [29] = "SeImpersonatePrivilege",
    [30] = "SeCreateGlobalPrivilege",
    [31] = "SeTrustedCredManAccessPrivilege",
    [32] = "SeRelabelPrivilege",
    [PRIVILEGE_INCREASE_WORKING_SET] = "SeIncreaseWorkingSetPrivilege",
    [34] = "SeTimeZonePrivilege",
    [35] = "SeCreateSymbolicLinkPrivilege",
    [36] = "SeDelegateSessionUserImpersonatePrivilege",
};

static struct privileges process;

uint32_t privilege_number(const char *name)
{
    for (uint32_t number = 0; number < PRIVILEGE_COUNT; number++)
        if (names[number] && strcasecmp(names[number], name) == 0)
            return number;
    return 0;
}

const char *privilege_name(uint32_t number)
{
    return number < PRIVILEGE_COUNT ? names[number] : NULL;
}

/* What the words of WINMEM_PRIVILEGES make of `held`; false: one of them is unknown. */
static bool apply_setting(const char *text, uint64_t *held)
{
    char word[64];
    for (; *text; text += *text == ',') {
        bool without = *text == '-';
        text += without;
        size_t length = strcspn(text, ",");
        if (length >= sizeof word)
            return false;
        memcpy(word, text, length);
        word[length] = 0;
        text += length;
        uint32_t number = privilege_number(word);
        if (!number && (length || without))
            return false;
        if (number)
            *held = without ? *held & ~BIT(number) : *held | BIT(number);
    }
    return true;
}

static void init_once(void)
{
    static const char setting[] = "WINMEM_PRIVILEGES";
    static atomic_flag said = ATOMIC_FLAG_INIT;
    const char *text = getenv(setting);
    uint64_t held = ORDINARY;
    if (text && !apply_setting(text, &held)) {
        setting_refuse(setting, text, "SeLockMemoryPrivilege and the like, joined by commas",
                       &said);
        held = ORDINARY;
    }
    process = (struct privileges){held, held & BIT(PRIVILEGE_CHANGE_NOTIFY), held};
}

struct privileges *privileges_of_process(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
    return &process;
}

bool privilege_enabled(uint32_t number)
{
    return privilege_attributes(privileges_of_process(), number) & PRIVILEGE_ENABLED;
}

bool privilege_held(uint32_t number)
{
    return number < PRIVILEGE_COUNT &&
           (__atomic_load_n(&privileges_of_process()->held, __ATOMIC_ACQUIRE) & BIT(number));
}

void privilege_start_token(void)
{
    struct privileges *privileges = privileges_of_process();
    privileges->enabled = privileges->by_default;
}

uint32_t privilege_attributes(const struct privileges *privileges, uint32_t number)
{
    if (number >= PRIVILEGE_COUNT)
        return 0;
    bool enabled = __atomic_load_n(&privileges->enabled, __ATOMIC_ACQUIRE) & BIT(number);
    return (enabled ? PRIVILEGE_ENABLED : 0) |
           (privileges->by_default & BIT(number) ? PRIVILEGE_ENABLED_BY_DEFAULT : 0);
}

void privilege_set(struct privileges *privileges, uint32_t number, uint32_t attributes)
{
    uint64_t bit = BIT(number);
    if (attributes & PRIVILEGE_REMOVED)
        __atomic_fetch_and(&privileges->held, ~bit, __ATOMIC_ACQ_REL);
    if ((attributes & (PRIVILEGE_ENABLED | PRIVILEGE_REMOVED)) == PRIVILEGE_ENABLED)
        __atomic_fetch_or(&privileges->enabled, bit, __ATOMIC_ACQ_REL);
    else
        __atomic_fetch_and(&privileges->enabled, ~bit, __ATOMIC_ACQ_REL);
}
