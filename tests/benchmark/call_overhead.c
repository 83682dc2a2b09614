/* Calls in a loop as a C program makes them, for call_overhead.py. Each gives the first status that is not PTK_OK. */
#include <ptychokit/ptychokit.h>

ptk_status loop_size(const ptk_dataset* dataset, long calls)
{
    volatile int64_t size = 0;
    for (long i = 0; i < calls; ++i)
        size = ptk_dataset_size(dataset);
    return size > 0 ? PTK_OK : PTK_ERR_INTERNAL;
}

ptk_status loop_read(const ptk_dataset* dataset, const char* name, ptk_view* out, long calls)
{
    ptk_status status = PTK_OK;
    for (long i = 0; i < calls && status == PTK_OK; ++i)
        status = ptk_dataset_read(dataset, name, out);
    return status;
}

ptk_status loop_frames(const ptk_dataset* dataset, ptk_view* out, long calls)
{
    ptk_status status = PTK_OK;
    for (long i = 0; i < calls && status == PTK_OK; ++i)
        status = ptk_dataset_read_patterns(dataset, 0, out);
    return status;
}

ptk_status loop_add(ptk_canvas* canvas, const ptk_view* patches, const ptk_view* positions, long calls)
{
    ptk_status status = PTK_OK;
    for (long i = 0; i < calls && status == PTK_OK; ++i)
        status = ptk_canvas_add(canvas, patches, positions, NULL);
    return status;
}
