/* What calls cost from C on arrays that are there: the measure of the other languages. Argument: calls of a round. See
 * table.py. */
#include <ptychokit/ptychokit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 5

static ptk_dataset* dataset;
static ptk_canvas* canvas;
static ptk_view positions, frame, patch, place;

static void ok(ptk_status status)
{
    if (status == PTK_OK)
        return;
    fprintf(stderr, "%s\n", ptk_last_error_message());
    exit(1);
}

static ptk_view array(ptk_dtype dtype, int32_t ndim, int64_t a, int64_t b, int64_t c, double value)
{
    const int64_t shape[3] = {a, b, c};
    const size_t count = (size_t)(a * b * (ndim > 2 ? c : 1)) * (dtype == PTK_C64 ? 2 : 1);
    ptk_view view;
    void* data = malloc(count * (dtype == PTK_F64 ? sizeof(double) : sizeof(float)));
    if (data == NULL)
        exit(1);
    for (size_t i = 0; i < count; ++i) {
        if (dtype == PTK_F64)
            ((double*)data)[i] = value;
        else
            ((float*)data)[i] = (float)value;
    }
    ok(ptk_view_init(&view, data, dtype, ndim, shape));
    return view;
}

/* Positions [n, 2] that are not all the same. */
static ptk_view places(int64_t n)
{
    const ptk_view view = array(PTK_F64, 2, n, 2, 1, 0);
    for (int64_t i = 0; i < 2 * n; ++i)
        ((double*)view.data)[i] = (double)(i % 7);
    return view;
}

static void call_size(void)
{
    const volatile int64_t size = ptk_dataset_size(dataset);
    (void)size;
}

static void call_positions(void)
{
    ok(ptk_dataset_read(dataset, "positions", &positions));
}

static void call_frame(void)
{
    ok(ptk_dataset_read_patterns(dataset, 0, &frame));
}

static void call_add(void)
{
    ok(ptk_canvas_add(canvas, &patch, &place, NULL));
}

static void measure(const char* name, void (*call)(void), long calls)
{
    double best = 1e30;
    for (int round = 0; round < ROUNDS; ++round) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (long i = 0; i < calls; ++i)
            call();
        clock_gettime(CLOCK_MONOTONIC, &to);
        const double seconds = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
        best = seconds < best ? seconds : best;
    }
    printf("time %s %.6f\n", name, best / (double)calls * 1e6);
}

/* Most kilobytes that this process held since the last reset. */
static long peak(void)
{
    char line[200];
    long kilobytes = 0;
    FILE* file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld", &kilobytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kilobytes;
}

static void grown(const char* name, void (*call)(void))
{
    call();
    FILE* file = fopen("/proc/self/clear_refs", "w");
    if (file == NULL || fputs("5", file) < 0 || fclose(file) != 0)
        exit(1);
    const long before = peak();
    call();
    printf("grown %s %ld\n", name, peak() - before);
}

static ptk_view many_frames, many_patches, many_places;

static void read_many(void)
{
    ok(ptk_dataset_read(dataset, "patterns", &many_frames));
}

static void add_many(void)
{
    ok(ptk_canvas_add(canvas, &many_patches, &many_places, NULL));
}

int main(int count, char** arguments)
{
    const long calls = count > 1 ? atol(arguments[1]) : 20000;
    ptk_context* context;
    ok(ptk_context_create(&context, "cpu", NULL));
    many_frames = array(PTK_F32, 3, 4096, 64, 64, 1);
    many_places = array(PTK_F64, 2, 32768, 2, 1, 64);
    many_patches = array(PTK_C64, 3, 32768, 16, 16, 1);
    ptk_view frames = array(PTK_F32, 3, 500, 64, 64, 1);
    positions = places(500);
    frame = array(PTK_F32, 3, 1, 64, 64, 0);
    patch = array(PTK_C64, 3, 1, 16, 16, 1);
    place = array(PTK_F64, 2, 1, 2, 1, 64);
    ok(ptk_canvas_create(&canvas, context, 128, 128, 0, 0, NULL));
    ok(ptk_dataset_from_arrays(&dataset, context, &frames, &positions, NULL, NULL, NULL));
    measure("size", call_size, calls);
    measure("positions", call_positions, calls);
    measure("frame", call_frame, calls);
    measure("add", call_add, calls);
    ptk_dataset_free(dataset);
    ptk_view many_positions = places(4096);
    ok(ptk_dataset_from_arrays(&dataset, context, &many_frames, &many_positions, NULL, NULL, NULL));
    grown("frames", read_many);
    grown("patches", add_many);
    ptk_dataset_free(dataset);
    ptk_canvas_free(canvas);
    ptk_context_free(context);
    return 0;
}
