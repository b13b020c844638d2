/* Locales: there is one, English (United States), and the invariant one that looks like it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/utf.h"

#define EN_US            0x409u
#define INVARIANT        0x7Fu
#define LANGUAGE_NEUTRAL 0u
#define USER_DEFAULT     0x400u
#define SYSTEM_DEFAULT   0x800u
#define CUSTOM_DEFAULT   0xC00u
#define CUSTOM_UI        0x1400u

/* EN_US or INVARIANT; 0 for a locale that is not here. */
static LCID resolve(LCID locale)
{
    switch (locale) {
    case LANGUAGE_NEUTRAL:
    case USER_DEFAULT:
    case SYSTEM_DEFAULT:
    case CUSTOM_DEFAULT:
    case CUSTOM_UI:
    case 9: /* English, wherever */
        return EN_US;
    case EN_US:
    case INVARIANT:
        return locale;
    default:
        return 0;
    }
}

static bool same_name(LPCWSTR name, const char *ascii)
{
    size_t i = 0;
    for (; ascii[i]; i++)
        if (wide_upper(name[i]) != wide_upper((unsigned char)ascii[i]))
            return false;
    return name[i] == 0;
}

/* NULL is the user's locale, "" the invariant one. */
static LCID resolve_name(LPCWSTR name)
{
    if (!name || same_name(name, "en-US") || same_name(name, "en") ||
        same_name(name, "!x-sys-default-locale"))
        return EN_US;
    return name[0] ? 0 : INVARIANT;
}

LCID k32_GetUserDefaultLCID(void)
{
    return EN_US;
}

LCID k32_GetSystemDefaultLCID(void)
{
    return EN_US;
}

LANGID k32_GetUserDefaultLangID(void)
{
    return EN_US;
}

LANGID k32_GetSystemDefaultLangID(void)
{
    return EN_US;
}

LANGID k32_GetUserDefaultUILanguage(void)
{
    return EN_US;
}

LANGID k32_GetSystemDefaultUILanguage(void)
{
    return EN_US;
}

LCID k32_GetThreadLocale(void)
{
    return EN_US;
}

BOOL k32_SetThreadLocale(LCID Locale)
{
    return face_bool(resolve(Locale) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}

LANGID k32_GetThreadUILanguage(void)
{
    return EN_US;
}

/* 0 resets; anything else than the one language stays what it was, which the result tells. */
LANGID k32_SetThreadUILanguage(LANGID LangId)
{
    return EN_US;
}

BOOL k32_IsValidLocale(LCID Locale, DWORD dwFlags)
{
    return Locale == EN_US || Locale == INVARIANT;
}

BOOL k32_IsValidLocaleName(LPCWSTR lpLocaleName)
{
    return lpLocaleName && resolve_name(lpLocaleName) != 0;
}

LCID k32_ConvertDefaultLocale(LCID Locale)
{
    LCID resolved = resolve(Locale);
    return resolved ? resolved : Locale;
}

/* Gives an ASCII text: its length with the terminator; 0 with a last error. `room` 0 only asks. */
static INT give(const char *text, LPWSTR buffer, INT room)
{
    INT size = (INT)strlen(text) + 1;
    if (room < 0 || (room && !buffer)) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return 0;
    }
    if (room && room < size) {
        last_error_set(ERROR_INSUFFICIENT_BUFFER);
        return 0;
    }
    for (INT i = 0; room && i < size; i++)
        buffer[i] = (unsigned char)text[i];
    return size;
}

INT k32_GetUserDefaultLocaleName(LPWSTR lpLocaleName, INT cchLocaleName)
{
    if (!lpLocaleName || cchLocaleName <= 0) {
        last_error_set(lpLocaleName ? ERROR_INSUFFICIENT_BUFFER : ERROR_INVALID_PARAMETER);
        return 0;
    }
    return give("en-US", lpLocaleName, cchLocaleName);
}

INT k32_GetSystemDefaultLocaleName(LPWSTR lpLocaleName, INT cchLocaleName)
{
    return k32_GetUserDefaultLocaleName(lpLocaleName, cchLocaleName);
}

LCID k32_LocaleNameToLCID(LPCWSTR lpName, DWORD dwFlags)
{
    LCID locale = resolve_name(lpName);
    if (!locale)
        last_error_set(ERROR_INVALID_PARAMETER);
    return locale;
}

INT k32_LCIDToLocaleName(LCID Locale, LPWSTR lpName, INT cchName, DWORD dwFlags)
{
    LCID locale = resolve(Locale);
    if (!locale) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return 0;
    }
    return give(locale == INVARIANT ? "" : "en-US", lpName, cchName);
}

INT k32_ResolveLocaleName(LPCWSTR lpNameToResolve, LPWSTR lpLocaleName, INT cchLocaleName)
{
    LCID locale = resolve_name(lpNameToResolve);
    return give(locale == EN_US ? "en-US" : "", lpLocaleName, cchLocaleName);
}

#define LOCALE_RETURN_NUMBER 0x20000000u
#define LOCALE_MODIFIERS     0xF0000000u /* user override, code page, number, genitive names */

/* What GetLocaleInfo tells, by LCTYPE; numbers as texts. */
static const struct {
    LCTYPE type;
    const char *text;
} information[] = {
    {0x0001, "0409"},                    /* ILANGUAGE */
    {0x0002, "English (United States)"}, /* SLOCALIZEDDISPLAYNAME, SLANGUAGE */
    {0x0003, "ENU"},                     /* SABBREVLANGNAME */
    {0x0004, "English"},                 /* SNATIVELANGNAME */
    {0x0005, "1"},                       /* ICOUNTRY */
    {0x0006, "United States"},           /* SLOCALIZEDCOUNTRYNAME */
    {0x0007, "USA"},                     /* SABBREVCTRYNAME */
    {0x0008, "United States"},           /* SNATIVECTRYNAME */
    {0x0009, "0409"},                    /* IDEFAULTLANGUAGE */
    {0x000A, "1"},                       /* IDEFAULTCOUNTRY */
    {0x000B, "65001"},                   /* IDEFAULTCODEPAGE */
    {0x000C, ","},                       /* SLIST */
    {0x000D, "1"},                       /* IMEASURE */
    {0x000E, "."},                       /* SDECIMAL */
    {0x000F, ","},                       /* STHOUSAND */
    {0x0010, "3;0"},                     /* SGROUPING */
    {0x0011, "2"},                       /* IDIGITS */
    {0x0012, "1"},                       /* ILZERO */
    {0x0013, "0123456789"},              /* SNATIVEDIGITS */
    {0x0014, "$"},                       /* SCURRENCY */
    {0x0015, "USD"},                     /* SINTLSYMBOL */
    {0x0016, "."},                       /* SMONDECIMALSEP */
    {0x0017, ","},                       /* SMONTHOUSANDSEP */
    {0x0018, "3;0"},                     /* SMONGROUPING */
    {0x0019, "2"},                       /* ICURRDIGITS */
    {0x001A, "2"},                       /* IINTLCURRDIGITS */
    {0x001B, "0"},                       /* ICURRENCY */
    {0x001C, "0"},                       /* INEGCURR */
    {0x001D, "/"},                       /* SDATE */
    {0x001E, ":"},                       /* STIME */
    {0x001F, "M/d/yyyy"},                /* SSHORTDATE */
    {0x0020, "dddd, MMMM d, yyyy"},      /* SLONGDATE */
    {0x0021, "0"},                       /* IDATE */
    {0x0022, "0"},                       /* ILDATE */
    {0x0023, "0"},                       /* ITIME */
    {0x0024, "1"},                       /* ICENTURY */
    {0x0025, "0"},                       /* ITLZERO */
    {0x0026, "0"},                       /* IDAYLZERO */
    {0x0027, "0"},                       /* IMONLZERO */
    {0x0028, "AM"},                      /* S1159 */
    {0x0029, "PM"},                      /* S2359 */
    {0x0050, ""},                        /* SPOSITIVESIGN */
    {0x0051, "-"},                       /* SNEGATIVESIGN */
    {0x0059, "en"},                      /* SISO639LANGNAME */
    {0x005A, "US"},                      /* SISO3166CTRYNAME */
    {0x005B, "244"},                     /* IGEOID */
    {0x005C, "en-US"},                   /* SNAME */
    {0x0067, "eng"},                     /* SISO639LANGNAME2 */
    {0x0068, "USA"},                     /* SISO3166CTRYNAME2 */
    {0x0072, "English (United States)"}, /* SENGLISHDISPLAYNAME */
    {0x0073, "English (United States)"}, /* SNATIVEDISPLAYNAME */
    {0x1001, "English"},                 /* SENGLISHLANGUAGENAME */
    {0x1002, "United States"},           /* SENGLISHCOUNTRYNAME */
    {0x1003, "h:mm:ss tt"},              /* STIMEFORMAT */
    {0x1004, "65001"},                   /* IDEFAULTANSICODEPAGE */
    {0x1005, "0"},                       /* ITIMEMARKPOSN */
    {0x1006, "MMMM yyyy"},               /* SYEARMONTH */
    {0x1007, "US Dollar"},               /* SENGCURRNAME */
    {0x1009, "1"},                       /* ICALENDARTYPE */
    {0x100B, "0"},                       /* IOPTIONALCALENDAR */
    {0x100C, "6"},                       /* IFIRSTDAYOFWEEK */
    {0x100D, "0"},                       /* IFIRSTWEEKOFYEAR */
    {0x1010, "1"},                       /* INEGNUMBER */
    {0x1014, "1"},                       /* IDIGITSUBSTITUTION */
    {0x0078, "MMMM d"},                  /* SMONTHDAY */
    {0x0079, "h:mm tt"},                 /* SSHORTTIME */
};

#define SDAYNAME1          0x2Au /* Monday first, then the short names, months, short months */
#define SABBREVMONTHNAME12 0x4Fu

static const char names[][10] = {
    "Monday",   "Tuesday",  "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",    "Mon",
    "Tue",      "Wed",      "Thu",       "Fri",      "Sat",    "Sun",      "January",   "February",
    "March",    "April",    "May",       "June",     "July",   "August",   "September", "October",
    "November", "December", "Jan",       "Feb",      "Mar",    "Apr",      "May",       "Jun",
    "Jul",      "Aug",      "Sep",       "Oct",      "Nov",    "Dec",
};

static const char *information_text(LCTYPE type)
{
    if (type >= SDAYNAME1 && type <= SABBREVMONTHNAME12)
        return names[type - SDAYNAME1];
    for (unsigned i = 0; i < array_length(information); i++)
        if (information[i].type == type)
            return information[i].text;
    return NULL;
}

static INT information_fail(DWORD error)
{
    last_error_set(error);
    return 0;
}

/* A number fills a DWORD: two characters (sdk-api winnls/GetLocaleInfoEx). */
static INT give_number(const char *text, LCTYPE type, LPWSTR buffer, INT room)
{
    char *end;
    /* the language identifiers are written in hexadecimal */
    DWORD number = (DWORD)strtoul(text, &end, type == 1 || type == 9 ? 16 : 10);
    if (*end || end == text)
        return information_fail(ERROR_INVALID_FLAGS);
    if (room && room < 2)
        return information_fail(ERROR_INSUFFICIENT_BUFFER);
    if (room)
        memcpy(buffer, &number, sizeof number);
    return 2;
}

static INT locale_information(LCID locale, LCTYPE type, LPWSTR buffer, INT room)
{
    LCTYPE bare = type & ~LOCALE_MODIFIERS;
    const char *text = information_text(bare);
    if (!locale || room < 0 || (room && !buffer))
        return information_fail(ERROR_INVALID_PARAMETER);
    if (!text)
        return information_fail(ERROR_INVALID_FLAGS);
    if (type & LOCALE_RETURN_NUMBER)
        return give_number(text, bare, buffer, room);
    if (bare == 0x5C && locale == INVARIANT)
        text = "";
    return give(text, buffer, room);
}

INT k32_GetLocaleInfoW(LCID Locale, LCTYPE LCType, LPWSTR lpLCData, INT cchData)
{
    return locale_information(resolve(Locale), LCType, lpLCData, cchData);
}

INT k32_GetLocaleInfoEx(LPCWSTR lpLocaleName, LCTYPE LCType, LPWSTR lpLCData, INT cchData)
{
    return locale_information(resolve_name(lpLocaleName), LCType, lpLCData, cchData);
}

INT k32_GetLocaleInfoA(LCID Locale, LCTYPE LCType, LPSTR lpLCData, INT cchData)
{
    uint16_t wide[64];
    INT size = locale_information(resolve(Locale), LCType, wide, array_length(wide));
    if (!size)
        return 0;
    if (LCType & LOCALE_RETURN_NUMBER)
        size = sizeof(DWORD);
    if (cchData && (cchData < size || !lpLCData))
        return information_fail(ERROR_INSUFFICIENT_BUFFER);
    if (cchData && LCType & LOCALE_RETURN_NUMBER)
        memcpy(lpLCData, wide, sizeof(DWORD));
    else if (cchData) /* every text here is ASCII */
        utf16_to_utf8(wide, (size_t)size, lpLCData, (size_t)cchData, NULL);
    return size;
}

#define MUI_LANGUAGE_ID   4u
#define MUI_LANGUAGE_NAME 8u

/* One language, as a list of strings ended by an empty one. */
static BOOL give_languages(DWORD flags, PULONG number, PWSTR buffer, PULONG size)
{
    const char *text = flags & MUI_LANGUAGE_ID ? "0409" : "en-US";
    ULONG needed = (ULONG)strlen(text) + 2, room = *size;
    if ((flags & (MUI_LANGUAGE_ID | MUI_LANGUAGE_NAME)) == (MUI_LANGUAGE_ID | MUI_LANGUAGE_NAME) ||
        (!buffer && room))
        return face_bool(STATUS_INVALID_PARAMETER);
    *number = 1;
    *size = needed;
    if (!buffer)
        return TRUE;
    if (room < needed)
        return face_bool(STATUS_BUFFER_TOO_SMALL);
    give(text, buffer, (INT)room);
    buffer[needed - 1] = 0;
    return TRUE;
}

BOOL k32_GetUserPreferredUILanguages(DWORD dwFlags, PULONG pulNumLanguages,
                                     PWSTR pwszLanguagesBuffer, PULONG pcchLanguagesBuffer)
{
    return give_languages(dwFlags, pulNumLanguages, pwszLanguagesBuffer, pcchLanguagesBuffer);
}

BOOL k32_GetSystemPreferredUILanguages(DWORD dwFlags, PULONG pulNumLanguages,
                                       PWSTR pwszLanguagesBuffer, PULONG pcchLanguagesBuffer)
{
    return give_languages(dwFlags, pulNumLanguages, pwszLanguagesBuffer, pcchLanguagesBuffer);
}

BOOL k32_GetThreadPreferredUILanguages(DWORD dwFlags, PULONG pulNumLanguages,
                                       PWSTR pwszLanguagesBuffer, PULONG pcchLanguagesBuffer)
{
    return give_languages(dwFlags, pulNumLanguages, pwszLanguagesBuffer, pcchLanguagesBuffer);
}

/* The program's routine is called in a window in which the thread may be stopped. */
BOOL k32_EnumSystemLocalesEx(LOCALE_ENUMPROCEX lpLocaleEnumProcEx, DWORD dwFlags, LPARAM lParam,
                             LPVOID lpReserved)
{
    uint16_t name[6];
    if (!lpLocaleEnumProcEx || lpReserved)
        return face_bool(STATUS_INVALID_PARAMETER);
    give("en-US", name, array_length(name));
    uint32_t depth = gate_open();
    lpLocaleEnumProcEx(name, dwFlags, lParam);
    gate_close(depth);
    return TRUE;
}

BOOL k32_EnumSystemLocalesW(LOCALE_ENUMPROCW lpLocaleEnumProc, DWORD dwFlags)
{
    uint16_t name[9];
    if (!lpLocaleEnumProc)
        return face_bool(STATUS_INVALID_PARAMETER);
    give("00000409", name, array_length(name));
    uint32_t depth = gate_open();
    lpLocaleEnumProc(name);
    gate_close(depth);
    return TRUE;
}
