/* The picture of a replay: one HTML document with an SVG in it and nothing from elsewhere. */
#include <stdlib.h>
#include <string.h>
#include "tools/winmem/gpu_replay.h"

#define WIDTH  1000
#define LEFT   98 /* of what is plotted */
#define RIGHT  984
#define PLOT   200 /* its height, for a place */
#define OFFERS 90  /* and for offers */
#define ROW    20  /* of a kind of mark */

struct scale {
    uint64_t most; /* at the top */
    int top, height;
};

struct chart {
    FILE *out;
    const struct replay_source *source;
    const struct replay *replay;
    uint32_t shown;               /* series with a colour */
    uint32_t order[REPLAY_SHOWN]; /* of processes: the largest first */
    uint8_t series[REPLAY_PROCESSES];
    int y; /* of the next thing */
};

static const char style[] =
    ":root{--page:#fcfcfb;--ink:#0b0b0b;--soft:#52514e;--grid:#e1e0d9;--gone:#c3c2b7;--bad:#d03b3b;"
    "--s0:#2a78d6;--s1:#eb6834;--s2:#1baf7a;--s3:#eda100;--s4:#e87ba4;--s5:#008300;--s6:#4a3aa7;"
    "--s7:#8a8985}\n"
    "@media (prefers-color-scheme:dark){:root{--page:#1a1a19;--ink:#fff;--soft:#c3c2b7;"
    "--grid:#2c2c2a;--gone:#52514e;--bad:#e66767;--s0:#3987e5;--s1:#d95926;--s2:#199e70;"
    "--s3:#c98500;--s4:#d55181;--s5:#3fa34d;--s6:#9085e9;--s7:#8a8985}}\n"
    "body{margin:24px auto;max-width:1040px;padding:0 16px;background:var(--page);color:var(--ink);"
    "font:14px/1.45 system-ui,sans-serif}\n"
    "h1{font-size:20px;margin:0 0 4px}p{margin:2px 0;color:var(--soft)}\n"
    "ul{list-style:none;padding:0;margin:14px 0;display:flex;flex-wrap:wrap;gap:4px 20px}\n"
    "li i{display:inline-block;width:14px;height:10px;margin-right:6px;border-radius:2px}\n"
    "li i.line{height:0;border-top:2px dashed var(--ink);border-radius:0;vertical-align:middle}\n"
    "li i.gone{background:var(--gone)}li i.event{width:2px;height:12px;vertical-align:middle}\n"
    "svg{width:100%;height:auto;display:block}text{fill:var(--soft);font-size:12px}\n"
    "text.head{fill:var(--ink);font-size:14px;font-weight:600}\n"
    ".grid{stroke:var(--grid);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}\n"
    ".area{stroke:var(--page);stroke-width:.7}.gone{fill:var(--gone);opacity:.6}\n"
    ".budget{fill:none;stroke-width:1.6;stroke-dasharray:5 3}.halo{fill:none;stroke:var(--page);"
    "stroke-width:4;opacity:.75}\n"
    ".mark{fill:var(--soft)}.event{stroke:var(--bad);stroke-width:1.5}.eventtext{fill:var(--bad)}\n"
    ".touch{fill:transparent}.touch:hover{fill:var(--ink);opacity:.07}\n"
    ".s0{fill:var(--s0)}.s1{fill:var(--s1)}.s2{fill:var(--s2)}.s3{fill:var(--s3)}"
    ".s4{fill:var(--s4)}.s5{fill:var(--s5)}.s6{fill:var(--s6)}.s7{fill:var(--s7)}\n"
    ".b0{stroke:var(--s0)}.b1{stroke:var(--s1)}.b2{stroke:var(--s2)}.b3{stroke:var(--s3)}"
    ".b4{stroke:var(--s4)}.b5{stroke:var(--s5)}.b6{stroke:var(--s6)}.b7{stroke:var(--s7)}\n";

static void escape(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < ' ' ? '?' : *text, out);
        }
}

static void label_series(const struct chart *chart, uint32_t series, char ret_text[80])
{
    if (chart->shown == REPLAY_SHOWN && chart->replay->count > REPLAY_SHOWN &&
        series == REPLAY_SHOWN - 1)
        snprintf(ret_text, 80, "%u other processes", chart->replay->count - REPLAY_SHOWN + 1);
    else
        replay_label(&chart->replay->processes[chart->order[series]], ret_text);
}

static uint64_t weight(const struct replay_process *process)
{
    return process->peak[VID_LOCAL] + process->peak[VID_NONLOCAL];
}

/* The largest get a colour each; when there are too many, the smaller ones have one together. */
static void choose_series(struct chart *chart)
{
    const struct replay *replay = chart->replay;
    uint32_t own = replay->count > REPLAY_SHOWN ? REPLAY_SHOWN - 1 : replay->count;
    memset(chart->series, REPLAY_SHOWN - 1, sizeof chart->series);
    for (uint32_t s = 0; s < own; s++) {
        uint32_t best = REPLAY_PROCESSES;
        for (uint32_t i = 0; i < replay->count; i++) {
            bool taken = false;
            for (uint32_t t = 0; t < s; t++)
                taken = taken || chart->order[t] == i;
            if (!taken && (best == REPLAY_PROCESSES ||
                           weight(&replay->processes[i]) > weight(&replay->processes[best])))
                best = i;
        }
        chart->order[s] = best;
        chart->series[best] = (uint8_t)s;
    }
    chart->shown = replay->count > REPLAY_SHOWN ? REPLAY_SHOWN : own;
}

enum measure { RESIDENT_LOCAL = VID_LOCAL, RESIDENT_NONLOCAL = VID_NONLOCAL, OFFERED };

static uint64_t value_of(const struct replay_values *values, enum measure measure)
{
    return measure == OFFERED ? values->offered : values->resident[measure];
}

static uint64_t series_value(const struct chart *chart, uint32_t column, uint32_t series,
                             enum measure measure)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < chart->replay->count; i++)
        if (chart->series[i] == series)
            sum += value_of(&chart->replay->columns[column].values[i], measure);
    return sum;
}

static double x_of(uint32_t column)
{
    return LEFT + (double)(RIGHT - LEFT) * column / REPLAY_COLUMNS;
}

static double y_of(const struct scale *scale, uint64_t bytes)
{
    double part = (double)bytes / (double)scale->most;
    return scale->top + scale->height * (1 - (part > 1 ? 1 : part));
}

static const char *time_text(const struct replay *replay, uint64_t time, char ret_text[32])
{
    if (replay->by_number)
        snprintf(ret_text, 32, "event %lu", time);
    else if (replay->last - replay->first >= 5000000000ull)
        snprintf(ret_text, 32, "%.4g s", (double)time / 1e9);
    else if (replay->last - replay->first >= 5000000)
        snprintf(ret_text, 32, "%.5g ms", (double)time / 1e6);
    else
        snprintf(ret_text, 32, "%.6g \u00b5s", (double)time / 1e3);
    return ret_text;
}

/* A step that is round: 1, 2 or 5 of a power of ten; of sizes, a power of two. */
static uint64_t time_step(uint64_t span)
{
    uint64_t step = 1;
    while (span / step > 8)
        step *= span / step > 80 ? 10 : span / step > 16 ? (span / step > 40 ? 10 : 5) : 2;
    return step;
}

static void draw_grid(struct chart *chart, const struct scale *scale)
{
    uint64_t step = 1;
    char text[16];
    while (scale->most / step > 5)
        step *= 2;
    for (uint64_t at = 0; at <= scale->most; at += step) {
        double y = y_of(scale, at);
        fprintf(chart->out,
                "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                at ? "grid" : "axis", LEFT, RIGHT, y, y, LEFT - 8, y + 4, gpu_size(at, text));
    }
}

/* One series between what lies below it and what lies below and in it. */
static void draw_area(struct chart *chart, const struct scale *scale, enum measure measure,
                      const uint64_t *below, const uint64_t *above, uint32_t series)
{
    char label[80], peak_text[16];
    uint64_t peak = 0;
    for (uint32_t c = 0; c < REPLAY_COLUMNS; c++)
        peak = above[c] - below[c] > peak ? above[c] - below[c] : peak;
    if (!peak)
        return;
    fprintf(chart->out, "<path class=\"area s%u\" d=\"M%d %.1f", series, LEFT,
            y_of(scale, below[0]));
    for (uint32_t c = 0; c < REPLAY_COLUMNS; c++)
        fprintf(chart->out, "V%.1fH%.1f", y_of(scale, above[c]), x_of(c + 1));
    for (uint32_t c = REPLAY_COLUMNS; c-- > 0;)
        fprintf(chart->out, "V%.1fH%.1f", y_of(scale, below[c]), x_of(c));
    label_series(chart, series, label);
    fputs("Z\"><title>", chart->out);
    escape(chart->out, label);
    fprintf(chart->out, ": at most %s %s</title></path>\n", gpu_size(peak, peak_text),
            measure == OFFERED ? "offered" : gpu_place_names[measure]);
}

static void draw_stack(struct chart *chart, const struct scale *scale, enum measure measure)
{
    uint64_t *below = calloc(REPLAY_COLUMNS, sizeof *below),
             *above = calloc(REPLAY_COLUMNS, sizeof *above);
    for (uint32_t s = 0; s < chart->shown && below && above; s++) {
        for (uint32_t c = 0; c < REPLAY_COLUMNS; c++)
            above[c] = below[c] + series_value(chart, c, s, measure);
        draw_area(chart, scale, measure, below, above, s);
        memcpy(below, above, REPLAY_COLUMNS * sizeof *below);
    }
    free(below);
    free(above);
}

/* What pressure takes, from the top of the segment down. */
static void draw_pressure(struct chart *chart, const struct scale *scale, unsigned place)
{
    uint64_t size = chart->source->figures->segments[place].size;
    for (uint32_t c = 0; c < REPLAY_COLUMNS; c++) {
        uint64_t bytes = chart->replay->columns[c].pressure[place];
        uint32_t end = c + 1;
        while (end < REPLAY_COLUMNS && chart->replay->columns[end].pressure[place] == bytes)
            end++;
        double y = y_of(scale, size), bottom = y_of(scale, size - bytes);
        char text[16];
        if (bytes && bottom > y)
            fprintf(chart->out,
                    "<rect class=\"gone\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">"
                    "<title>%s taken by pressure</title></rect>\n",
                    x_of(c), y, x_of(end) - x_of(c), bottom - y, gpu_size(bytes, text));
        c = end - 1;
    }
}

/* A process's budget as steps; what is not known yet, or beyond the scale, is left out. */
static void budget_path(struct chart *chart, const struct scale *scale, unsigned place,
                        uint32_t process, const char *class)
{
    bool pen = false;
    fprintf(chart->out, "<path class=\"%s\" d=\"", class);
    for (uint32_t c = 0; c < REPLAY_COLUMNS; c++) {
        uint64_t budget = chart->replay->columns[c].values[process].budget[place];
        if (budget && budget <= scale->most)
            fprintf(chart->out, pen ? "V%.1fH%.1f" : "M%.1f %.1fH%.1f",
                    pen ? y_of(scale, budget) : x_of(c), pen ? x_of(c + 1) : y_of(scale, budget),
                    x_of(c + 1));
        pen = budget && budget <= scale->most;
    }
}

static void draw_budgets(struct chart *chart, const struct scale *scale, unsigned place)
{
    char class[24], label[80];
    uint32_t own = chart->replay->count > REPLAY_SHOWN ? REPLAY_SHOWN - 1 : chart->shown;
    for (uint32_t s = 0; s < own; s++) {
        budget_path(chart, scale, place, chart->order[s], "halo");
        fputs("\"/>", chart->out);
        snprintf(class, sizeof class, "budget b%u", s);
        budget_path(chart, scale, place, chart->order[s], class);
        label_series(chart, s, label);
        fputs("\"><title>budget of ", chart->out);
        escape(chart->out, label);
        fputs("</title></path>\n", chart->out);
    }
}

/* Columns that tell under the pointer what everybody has. */
static void draw_touch(struct chart *chart, const struct scale *scale, enum measure measure)
{
    char text[80], size[16], when[32];
    for (uint32_t c = 0; c < REPLAY_COLUMNS; c += 2) {
        fprintf(chart->out,
                "<rect class=\"touch\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>%s",
                x_of(c), scale->top, x_of(c + 2) - x_of(c), scale->height,
                time_text(chart->replay, replay_end_of(chart->replay, c + 1), when));
        for (uint32_t s = chart->shown; s-- > 0;) {
            uint64_t bytes = series_value(chart, c + 1, s, measure);
            uint64_t budget =
                measure == OFFERED
                    ? 0
                    : chart->replay->columns[c + 1].values[chart->order[s]].budget[measure];
            if (!bytes && !budget)
                continue;
            label_series(chart, s, text);
            fputc('\n', chart->out);
            escape(chart->out, text);
            fprintf(chart->out, ": %s", gpu_size(bytes, size));
            if (budget && !(chart->replay->count > REPLAY_SHOWN && s == REPLAY_SHOWN - 1))
                fprintf(chart->out, " of %s", gpu_size(budget, size));
        }
        fputs("</title></rect>", chart->out);
    }
    fputc('\n', chart->out);
}

static void draw_panel(struct chart *chart, enum measure measure)
{
    const struct replay *replay = chart->replay;
    uint64_t peak = measure == OFFERED ? replay->peak_offered : replay->peak[measure];
    uint64_t size = measure == OFFERED ? 0 : chart->source->figures->segments[measure].size;
    struct scale scale = {.top = chart->y + 26, .height = measure == OFFERED ? OFFERS : PLOT};
    char text[16];
    /* the whole place, unless what is used would be a line at its bottom */
    bool whole = size && peak > size / 8;
    scale.most = whole ? size : peak + peak / 8 + 4096;
    fprintf(chart->out, "<text class=\"head\" x=\"0\" y=\"%d\">", chart->y + 12);
    if (measure == OFFERED)
        fputs("Offered, not lost", chart->out);
    else
        fprintf(chart->out, "%s memory: %s%s", measure == RESIDENT_LOCAL ? "Local" : "Non-local",
                gpu_size(size, text), whole ? "" : ", far above this scale");
    fputs("</text>\n", chart->out);
    draw_grid(chart, &scale);
    if (whole)
        draw_pressure(chart, &scale, measure);
    draw_stack(chart, &scale, measure);
    if (measure != OFFERED)
        draw_budgets(chart, &scale, measure);
    draw_touch(chart, &scale, measure);
    chart->y = scale.top + scale.height + 22;
}

static void draw_marks(struct chart *chart)
{
    static const char *const names[MARKS] = {[MARK_DISCARD] = "discards",
                                             [MARK_EVICT] = "evictions",
                                             [MARK_TRIM] = "asked to trim",
                                             [MARK_PRESSURE] = "pressure"};
    char size[16], when[32];
    fprintf(chart->out, "<text class=\"head\" x=\"0\" y=\"%d\">Events</text>\n", chart->y + 12);
    chart->y += 22;
    for (unsigned mark = 0; mark < MARK_RESET; mark++, chart->y += ROW) {
        fprintf(chart->out,
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>"
                "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n",
                LEFT - 8, chart->y + 13, names[mark], LEFT, RIGHT, chart->y + ROW - 2,
                chart->y + ROW - 2);
        for (uint32_t c = 0; c < REPLAY_COLUMNS; c++) {
            const struct replay_column *column = &chart->replay->columns[c];
            double height = 4;
            for (uint32_t n = column->marks[mark]; n > 1 && height < ROW - 4; n /= 3)
                height += 2;
            if (column->marks[mark])
                fprintf(chart->out,
                        "<rect class=\"mark\" x=\"%.1f\" y=\"%.1f\" width=\"2.6\" height=\"%.1f\">"
                        "<title>%s: %u %s, %s</title></rect>\n",
                        x_of(c) + .5, chart->y + ROW - 2 - height, height,
                        time_text(chart->replay, replay_end_of(chart->replay, c), when),
                        column->marks[mark], names[mark], gpu_size(column->bytes[mark], size));
        }
    }
}

/* Lines through everything: what happened to the adapter as a whole. */
static void draw_incidents(struct chart *chart, int top)
{
    static const char *const names[VID_EVENT_KINDS] = {[VID_EVENT_RESET] = "reset",
                                                       [VID_EVENT_HANG] = "hang",
                                                       [VID_EVENT_STOP] = "stopped",
                                                       [VID_EVENT_REMOVE] = "removed",
                                                       [VID_EVENT_RESTORE] = "started"};
    char when[32];
    for (uint32_t c = 0; c < REPLAY_COLUMNS; c++) {
        const struct replay_column *column = &chart->replay->columns[c];
        if (!column->marks[MARK_RESET] && !column->marks[MARK_CHANGE])
            continue;
        bool far = c > REPLAY_COLUMNS - 20;
        fprintf(chart->out,
                "<g><title>%s: %s</title><line class=\"event\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" "
                "y2=\"%d\"/><text class=\"eventtext\" x=\"%.1f\" y=\"%d\" "
                "text-anchor=\"%s\">%s</text></g>\n",
                time_text(chart->replay, replay_end_of(chart->replay, c), when),
                names[column->last_kind], x_of(c), x_of(c), top + 20, chart->y,
                x_of(c) + (far ? -4 : 4), top + 18, far ? "end" : "start",
                names[column->last_kind]);
    }
}

static void draw_time(struct chart *chart)
{
    const struct replay *replay = chart->replay;
    uint64_t span = replay->last - replay->first, step = time_step(span ? span : 1);
    char when[32];
    fprintf(chart->out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT,
            RIGHT, chart->y, chart->y);
    for (uint64_t at = (replay->first + step - 1) / step * step; at <= replay->last; at += step) {
        double x = LEFT + (double)(RIGHT - LEFT) * (double)(at - replay->first) /
                              (double)(span ? span : 1);
        fprintf(chart->out,
                "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                x, x, chart->y, chart->y + 5, x, chart->y + 18, time_text(replay, at, when));
    }
    fprintf(chart->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", RIGHT,
            chart->y + 36, replay->by_number ? "events" : "virtual time");
    chart->y += 44;
}

static void write_head(struct chart *chart)
{
    const struct replay *replay = chart->replay;
    const struct gpu_figures *figures = chart->source->figures;
    char span[32], evicted[16], discarded[16], in[16];
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"color-scheme\" content=\"light dark\">"
          "<meta name=\"viewport\" content=\"width=device-width\"><title>",
          chart->out);
    escape(chart->out, figures->name);
    fprintf(chart->out, ": video memory over time</title>\n<style>\n%s</style></head><body>\n<h1>",
            style);
    escape(chart->out, figures->name);
    fprintf(chart->out, ": video memory over %s</h1>\n",
            replay->by_number ? "its events"
                              : time_text(replay, replay->last - replay->first, span));
    fprintf(chart->out,
            "<p>%u process%s, %lu events: %lu allocations made, %s paged in, %lu evicted (%s), %lu "
            "offers, %lu discarded (%s), %lu reset%s</p>\n",
            replay->count, replay->count == 1 ? "" : "es", chart->source->count,
            replay->totals[VID_EVENT_CREATE], gpu_size(replay->total_bytes[VID_EVENT_PAGE_IN], in),
            replay->totals[VID_EVENT_EVICT],
            gpu_size(replay->total_bytes[VID_EVENT_EVICT], evicted),
            replay->totals[VID_EVENT_OFFER], replay->totals[VID_EVENT_DISCARD],
            gpu_size(replay->total_bytes[VID_EVENT_DISCARD], discarded),
            replay->totals[VID_EVENT_RESET], replay->totals[VID_EVENT_RESET] == 1 ? "" : "s");
    if (chart->source->lost)
        fprintf(chart->out,
                "<p>%lu older events are not kept; the picture begins after them.</p>\n",
                chart->source->lost);
}

static void write_legend(struct chart *chart)
{
    char label[80];
    fputs("<ul>", chart->out);
    for (uint32_t s = 0; s < chart->shown; s++) {
        label_series(chart, s, label);
        fprintf(chart->out, "<li><i style=\"background:var(--s%u)\"></i>", s);
        escape(chart->out, label);
        fputs("</li>", chart->out);
    }
    fputs("<li><i class=\"line\"></i>budget, in the colour of its process</li>"
          "<li><i class=\"gone\"></i>taken by pressure</li>"
          "<li><i class=\"event\" style=\"background:var(--bad)\"></i>reset, stop, "
          "removal</li></ul>\n",
          chart->out);
}

static int height_of(const struct chart *chart)
{
    int height = 26 + OFFERS + 22 + 22 + (int)MARK_RESET * ROW + 48;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        if (chart->source->figures->segments[place].size)
            height += 26 + PLOT + 22;
    return height + 20;
}

void chart_write(FILE *out, const struct replay_source *source, struct replay *replay)
{
    struct chart chart = {.out = out, .source = source, .replay = replay, .y = 20};
    choose_series(&chart);
    write_head(&chart);
    write_legend(&chart);
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"video memory over time\">\n",
            WIDTH, height_of(&chart));
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        if (source->figures->segments[place].size)
            draw_panel(&chart, place);
    draw_panel(&chart, OFFERED);
    draw_marks(&chart);
    draw_incidents(&chart, 0);
    draw_time(&chart);
    fputs("</svg>\n</body></html>\n", out);
}
