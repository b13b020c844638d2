/* Dates: FILETIME to calendar and back, in UTC and in the host's time zone (TZ). */
#include <string.h>
#include <time.h>
#include "kernel32/face.h"
#include "kernel32/process/filetime.h"
#include "kernel32/process/wait.h"

#define SECOND           10000000ll /* in 100 ns */
#define DAY              (86400 * SECOND)
#define EPOCH_DAYS       134774 /* days from 1601 to 1970 */
#define EPOCH_DIFFERENCE (EPOCH_DAYS * DAY)
#define MONDAY_1601      1 /* 1 January 1601 was a Monday */

static int64_t value_of(const FILETIME *time)
{
    return (int64_t)((uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime);
}

static FILETIME filetime_of(int64_t value)
{
    return filetime((uint64_t)value);
}

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1 January 1601; `year` >= 1601. */
static int64_t days_before_year(unsigned year)
{
    int64_t past = (int64_t)year - 1601;
    return past * 365 + past / 4 - past / 100 + past / 400;
}

static int64_t days_before(unsigned year, unsigned month, unsigned day)
{
    int64_t days = days_before_year(year) + day - 1;
    for (unsigned m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days;
}

static SYSTEMTIME calendar(int64_t value)
{
    int64_t days = value / DAY, rest = value % DAY;
    /* never too late a year; at most 20 too early in 30000 */
    unsigned year = 1601 + (unsigned)(days / 366);
    while (days_before_year(year + 1) <= days)
        year++;
    int64_t left = days - days_before_year(year);
    unsigned month = 1;
    while (left >= days_in_month(year, month))
        left -= days_in_month(year, month++);
    return (SYSTEMTIME){
        .wYear = (WORD)year,
        .wMonth = (WORD)month,
        .wDayOfWeek = (WORD)((days + MONDAY_1601) % 7),
        .wDay = (WORD)(left + 1),
        .wHour = (WORD)(rest / (3600 * SECOND)),
        .wMinute = (WORD)(rest / (60 * SECOND) % 60),
        .wSecond = (WORD)(rest / SECOND % 60),
        .wMilliseconds = (WORD)(rest / TIME_MILLISECOND % 1000),
    };
}

static bool from_calendar(const SYSTEMTIME *date, int64_t *ret_value)
{
    if (date->wYear < 1601 || date->wYear > 30827 || date->wMonth < 1 || date->wMonth > 12 ||
        date->wDay < 1 || date->wDay > days_in_month(date->wYear, date->wMonth) ||
        date->wHour > 23 || date->wMinute > 59 || date->wSecond > 59 || date->wMilliseconds > 999)
        return false;
    int64_t seconds = (date->wHour * 60 + date->wMinute) * 60 + date->wSecond;
    *ret_value = days_before(date->wYear, date->wMonth, date->wDay) * DAY + seconds * SECOND +
                 (int64_t)date->wMilliseconds * TIME_MILLISECOND;
    return true;
}

BOOL k32_FileTimeToSystemTime(const FILETIME *lpFileTime, LPSYSTEMTIME lpSystemTime)
{
    int64_t value = value_of(lpFileTime);
    if (value < 0)
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpSystemTime = calendar(value);
    return TRUE;
}

BOOL k32_SystemTimeToFileTime(const SYSTEMTIME *lpSystemTime, LPFILETIME lpFileTime)
{
    int64_t value;
    if (!from_calendar(lpSystemTime, &value))
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpFileTime = filetime_of(value);
    return TRUE;
}

LONG k32_CompareFileTime(const FILETIME *lpFileTime1, const FILETIME *lpFileTime2)
{
    uint64_t one = (uint64_t)value_of(lpFileTime1), two = (uint64_t)value_of(lpFileTime2);
    return one < two ? -1 : one > two;
}

/* What is added to UTC at that time, in 100 ns. */
static int64_t offset_at(int64_t utc)
{
    time_t seconds = (time_t)((utc - EPOCH_DIFFERENCE) / SECOND);
    struct tm local;
    return localtime_r(&seconds, &local) ? local.tm_gmtoff * SECOND : 0;
}

/* UTC of a local time; where the clock is put back the earlier of the two. */
static int64_t utc_of_local(int64_t local)
{
    int64_t guess = local - offset_at(local - offset_at(local - 12 * 3600 * SECOND));
    int64_t again = local - offset_at(guess);
    return again + offset_at(again) == local ? again : guess;
}

void k32_GetSystemTime(LPSYSTEMTIME lpSystemTime)
{
    *lpSystemTime = calendar((int64_t)time_system());
}

void k32_GetLocalTime(LPSYSTEMTIME lpSystemTime)
{
    int64_t now = (int64_t)time_system();
    *lpSystemTime = calendar(now + offset_at(now));
}

/* sdk-api FileTimeToLocalFileTime: the offset of today, not of that date. */
BOOL k32_FileTimeToLocalFileTime(const FILETIME *lpFileTime, LPFILETIME lpLocalFileTime)
{
    int64_t value = value_of(lpFileTime), local;
    if (value < 0 || __builtin_add_overflow(value, offset_at((int64_t)time_system()), &local) ||
        local < 0)
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpLocalFileTime = filetime_of(local);
    return TRUE;
}

BOOL k32_LocalFileTimeToFileTime(const FILETIME *lpLocalFileTime, LPFILETIME lpFileTime)
{
    int64_t value = value_of(lpLocalFileTime), utc;
    if (value < 0 || __builtin_sub_overflow(value, offset_at((int64_t)time_system()), &utc) ||
        utc < 0)
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpFileTime = filetime_of(utc);
    return TRUE;
}

struct zone {
    int64_t standard, daylight;       /* added to UTC, 100 ns */
    int64_t to_daylight, to_standard; /* UTC of this year's changes; 0: none */
    bool is_daylight;                 /* now */
    char standard_name[32], daylight_name[32];
};

static void local_tm(int64_t utc, struct tm *ret_local)
{
    time_t seconds = (time_t)((utc - EPOCH_DIFFERENCE) / SECOND);
    if (!localtime_r(&seconds, ret_local))
        memset(ret_local, 0, sizeof *ret_local);
}

static void note(struct zone *zone, const struct tm *local)
{
    char *name = local->tm_isdst > 0 ? zone->daylight_name : zone->standard_name;
    *(local->tm_isdst > 0 ? &zone->daylight : &zone->standard) = local->tm_gmtoff * SECOND;
    if (local->tm_zone) {
        strncpy(name, local->tm_zone, 31);
        name[31] = 0;
    }
}

/* The moment between two days at which the kind of time changes, to the second. */
static int64_t find_change(int64_t from, int64_t to)
{
    struct tm local;
    local_tm(from, &local);
    int before = local.tm_isdst;
    while (to - from > SECOND) {
        int64_t middle = from + (to - from) / SECOND / 2 * SECOND;
        local_tm(middle, &local);
        if (local.tm_isdst == before)
            from = middle;
        else
            to = middle;
    }
    return to;
}

static void read_zone(unsigned year, struct zone *ret_zone)
{
    struct tm local;
    *ret_zone = (struct zone){0};
    int64_t start = days_before_year(year) * DAY;
    local_tm((int64_t)time_system(), &local);
    ret_zone->is_daylight = local.tm_isdst > 0;
    local_tm(start, &local);
    int before = local.tm_isdst;
    note(ret_zone, &local);
    for (unsigned day = 1; day <= 366; day++) {
        local_tm(start + day * DAY, &local);
        if (local.tm_isdst == before)
            continue;
        int64_t change = find_change(start + (day - 1) * DAY, start + day * DAY);
        *(local.tm_isdst > 0 ? &ret_zone->to_daylight : &ret_zone->to_standard) = change;
        note(ret_zone, &local);
        before = local.tm_isdst;
    }
}

/* A yearly change as Windows writes it: the n-th weekday of a month (5: the last), in the local
 * time before the change. */
static SYSTEMTIME yearly(int64_t change, int64_t offset_before)
{
    if (!change)
        return (SYSTEMTIME){0};
    SYSTEMTIME date = calendar(change + offset_before);
    unsigned length = days_in_month(date.wYear, date.wMonth);
    date.wDay = date.wDay + 7u > length ? 5 : (WORD)((date.wDay - 1) / 7 + 1);
    date.wYear = 0;
    return date;
}

static void widen(const char *text, WCHAR *ret_text)
{
    do
        *ret_text++ = (unsigned char)*text;
    while (*text++);
}

static DWORD zone_information(unsigned year, LPTIME_ZONE_INFORMATION out)
{
    struct zone zone;
    read_zone(year, &zone);
    memset(out, 0, sizeof *out);
    out->Bias = (LONG)(-zone.standard / SECOND / 60);
    widen(zone.standard_name, out->StandardName);
    widen(zone.daylight_name[0] ? zone.daylight_name : zone.standard_name, out->DaylightName);
    if (!zone.to_daylight || !zone.to_standard)
        return 0; /* TIME_ZONE_ID_UNKNOWN: no daylight saving time */
    out->StandardDate = yearly(zone.to_standard, zone.daylight);
    out->DaylightDate = yearly(zone.to_daylight, zone.standard);
    out->DaylightBias = (LONG)(-(zone.daylight - zone.standard) / SECOND / 60);
    return zone.is_daylight ? 2 : 1;
}

static unsigned this_year(void)
{
    return calendar((int64_t)time_system()).wYear;
}

DWORD k32_GetTimeZoneInformation(LPTIME_ZONE_INFORMATION lpTimeZoneInformation)
{
    return zone_information(this_year(), lpTimeZoneInformation);
}

DWORD k32_GetDynamicTimeZoneInformation(PDYNAMIC_TIME_ZONE_INFORMATION pTimeZoneInformation)
{
    memset(pTimeZoneInformation, 0, sizeof *pTimeZoneInformation);
    DWORD kind = zone_information(this_year(), (LPTIME_ZONE_INFORMATION)pTimeZoneInformation);
    memcpy(pTimeZoneInformation->TimeZoneKeyName, pTimeZoneInformation->StandardName,
           sizeof pTimeZoneInformation->StandardName);
    return kind;
}

BOOL k32_GetTimeZoneInformationForYear(USHORT wYear, PDYNAMIC_TIME_ZONE_INFORMATION pdtzi,
                                       LPTIME_ZONE_INFORMATION ptzi)
{
    if (pdtzi)
        return face_bool(STATUS_NOT_SUPPORTED);
    if (wYear < 1601 || wYear > 30827)
        return face_bool(STATUS_INVALID_PARAMETER);
    zone_information(wYear, ptzi);
    return TRUE;
}

BOOL k32_SystemTimeToTzSpecificLocalTime(const TIME_ZONE_INFORMATION *lpTimeZoneInformation,
                                         const SYSTEMTIME *lpUniversalTime,
                                         LPSYSTEMTIME lpLocalTime)
{
    int64_t utc;
    if (lpTimeZoneInformation)
        return face_bool(STATUS_NOT_SUPPORTED);
    if (!from_calendar(lpUniversalTime, &utc))
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpLocalTime = calendar(utc + offset_at(utc));
    return TRUE;
}

BOOL k32_TzSpecificLocalTimeToSystemTime(const TIME_ZONE_INFORMATION *lpTimeZoneInformation,
                                         const SYSTEMTIME *lpLocalTime,
                                         LPSYSTEMTIME lpUniversalTime)
{
    int64_t local;
    if (lpTimeZoneInformation)
        return face_bool(STATUS_NOT_SUPPORTED);
    if (!from_calendar(lpLocalTime, &local))
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpUniversalTime = calendar(utc_of_local(local));
    return TRUE;
}
