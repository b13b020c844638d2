/* Clocks and dates. Dates are checked against days that can be looked up. */
#include <check.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "tests/unit/suite.h"

static uint64_t value(FILETIME time)
{
    return (uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime;
}

static FILETIME filetime(uint64_t number)
{
    return (FILETIME){(DWORD)number, (DWORD)(number >> 32)};
}

START_TEST(known_days)
{
    static const struct {
        uint64_t time;
        SYSTEMTIME date;
    } days[] = {
        {0, {1601, 1, 1, 1, 0, 0, 0, 0}},
        {116444736000000000ull, {1970, 1, 4, 1, 0, 0, 0, 0}}, /* the Unix epoch, a Thursday */
        {116444736000000000ull + 951782400ull * 10000000,
         {2000, 2, 2, 29, 0, 0, 0, 0}}, /* date -d @951782400 */
        {116444736000000000ull + 4107542399ull * 10000000 + 9990000,
         {2100, 2, 0, 28, 23, 59, 59, 999}},
    };
    for (unsigned i = 0; i < sizeof days / sizeof *days; i++) {
        SYSTEMTIME date;
        FILETIME time = filetime(days[i].time);
        ck_assert_int_eq(k32_FileTimeToSystemTime(&time, &date), TRUE);
        ck_assert_mem_eq(&date, &days[i].date, sizeof date);
        ck_assert_int_eq(k32_SystemTimeToFileTime(&date, &time), TRUE);
        ck_assert_uint_eq(value(time), days[i].time);
    }
}
END_TEST

START_TEST(every_day_there_and_back)
{
    const uint64_t day = 864000000000ull;
    for (uint64_t n = 0; n < 40000000; n += 3653) {
        if (n * day > INT64_MAX)
            break;
        FILETIME time = filetime(n * day), back;
        SYSTEMTIME date;
        ck_assert_int_eq(k32_FileTimeToSystemTime(&time, &date), TRUE);
        ck_assert_uint_eq(date.wDayOfWeek, (n + 1) % 7);
        ck_assert_int_eq(k32_SystemTimeToFileTime(&date, &back), TRUE);
        ck_assert_uint_eq(value(back), n * day);
    }
}
END_TEST

START_TEST(wrong_dates)
{
    SYSTEMTIME date = {2023, 2, 0, 29, 0, 0, 0, 0};
    FILETIME time = filetime(1ull << 63);
    ck_assert_int_eq(k32_SystemTimeToFileTime(&date, &time), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(k32_FileTimeToSystemTime(&time, &date), FALSE);
    date = (SYSTEMTIME){1600, 12, 0, 31, 0, 0, 0, 0};
    ck_assert_int_eq(k32_SystemTimeToFileTime(&date, &time), FALSE);
}
END_TEST

START_TEST(zones)
{
    TIME_ZONE_INFORMATION zone;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1); /* Central Europe: last Sundays, 2:00 and 3:00 */
    tzset();
    ck_assert_uint_ne(k32_GetTimeZoneInformation(&zone), (DWORD)-1);
    ck_assert_int_eq(zone.Bias, -60);
    ck_assert_int_eq(zone.DaylightBias, -60);
    ck_assert_uint_eq(zone.DaylightDate.wMonth, 3);
    ck_assert_uint_eq(zone.DaylightDate.wDay, 5);
    ck_assert_uint_eq(zone.DaylightDate.wDayOfWeek, 0);
    ck_assert_uint_eq(zone.DaylightDate.wHour, 2);
    ck_assert_uint_eq(zone.StandardDate.wMonth, 10);
    ck_assert_uint_eq(zone.StandardDate.wHour, 3);
    ck_assert_uint_eq(zone.StandardName[0], 'C');
    SYSTEMTIME noon = {2024, 7, 1, 1, 12, 0, 0, 0}, local, back;
    ck_assert_int_eq(k32_SystemTimeToTzSpecificLocalTime(NULL, &noon, &local), TRUE);
    ck_assert_uint_eq(local.wHour, 14);
    ck_assert_int_eq(k32_TzSpecificLocalTimeToSystemTime(NULL, &local, &back), TRUE);
    ck_assert_mem_eq(&back, &noon, sizeof noon);
    setenv("TZ", "PST8PDT,M3.2.0,M11.1.0", 1);
    tzset();
    k32_GetTimeZoneInformation(&zone);
    ck_assert_int_eq(zone.Bias, 480);
    ck_assert_uint_eq(zone.DaylightDate.wDay, 2);
    ck_assert_uint_eq(zone.StandardDate.wDay, 1);
    ck_assert_uint_eq(zone.StandardDate.wHour, 2);
    setenv("TZ", "UTC0", 1);
    tzset();
    ck_assert_uint_eq(k32_GetTimeZoneInformation(&zone), 0);
    ck_assert_uint_eq(zone.StandardDate.wMonth, 0);
}
END_TEST

START_TEST(clocks_agree)
{
    LARGE_INTEGER frequency, before, after;
    FILETIME system;
    k32_QueryPerformanceFrequency(&frequency);
    ck_assert_int_eq(frequency.QuadPart, 10000000);
    k32_QueryPerformanceCounter(&before);
    ULONGLONG tick = k32_GetTickCount64();
    usleep(30000);
    k32_QueryPerformanceCounter(&after);
    ck_assert_int_ge(after.QuadPart - before.QuadPart, 300000);
    ck_assert_uint_ge(k32_GetTickCount64() - tick, 29);
    k32_GetSystemTimeAsFileTime(&system);
    uint64_t unix_seconds = (value(system) - 116444736000000000ull) / 10000000;
    ck_assert_uint_le(unix_seconds - (uint64_t)time(NULL) + 1, 2);
    ck_assert_uint_eq(winmm_timeBeginPeriod(1), 0);
    ck_assert_uint_eq(winmm_timeBeginPeriod(0), 97);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("time");
    tcase_add_test(tcase, known_days);
    tcase_add_test(tcase, every_day_there_and_back);
    tcase_add_test(tcase, wrong_dates);
    tcase_add_test(tcase, zones);
    tcase_add_test(tcase, clocks_agree);
    return suite_run("time", tcase);
}
