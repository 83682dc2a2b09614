/* A shared library that does what PTK_TEST_FAULT in the environment says, wrongly. */
#include <ptychokit/plugin.h>
#include <stdlib.h>
#include <string.h>

static ptk_status create(void** self_out, const ptk_generator_problem* problem, void* user_data)
{
    (void)self_out;
    (void)problem;
    (void)user_data;
    return PTK_OK;
}

static int64_t parameter_count(void* self)
{
    (void)self;
    return 0;
}

static ptk_status parameter(void* self, int64_t index, ptk_generator_parameter* out)
{
    (void)self;
    (void)index;
    (void)out;
    return PTK_ERR_INTERNAL;
}

static ptk_status initialise(void* self, int64_t index, uint64_t seed, float* values)
{
    (void)self;
    (void)index;
    (void)seed;
    (void)values;
    return PTK_ERR_INTERNAL;
}

static ptk_status forward(void* self, const float* const* parameters, int64_t batch, const float* amplitudes,
                          float* images)
{
    (void)self;
    (void)parameters;
    (void)batch;
    (void)amplitudes;
    (void)images;
    return PTK_ERR_INTERNAL;
}

PTK_API const ptk_plugin* ptk_plugin_entry(void)
{
    static ptk_generator_table first, second;
    static const ptk_generator_table* tables[2];
    static ptk_plugin plugin;
    const char* fault = getenv("PTK_TEST_FAULT");
    if (fault == NULL || strcmp(fault, "gives up") == 0)
        return NULL;
    memset(&first, 0, sizeof first);
    first.struct_size = sizeof first;
    first.abi = PTK_PLUGIN_ABI;
    first.output = PTK_OUTPUT_REAL_IMAG;
    first.name = "faulty_first";
    first.summary = "fails";
    first.create = create;
    first.parameter_count = parameter_count;
    first.parameter = parameter;
    first.initialise = initialise;
    first.forward = forward;
    second = first;
    second.name = strcmp(fault, "taken") == 0 ? "cnn" : strcmp(fault, "twice") == 0 ? "faulty_first" : "faulty_second";
    if (strcmp(fault, "table abi") == 0)
        second.abi = PTK_PLUGIN_ABI + 1;
    tables[0] = &first;
    tables[1] = strcmp(fault, "null table") == 0 ? NULL : &second;
    plugin.struct_size = strcmp(fault, "size") == 0 ? 4 : (int64_t)sizeof plugin;
    plugin.abi = strcmp(fault, "abi") == 0 ? 99 : PTK_PLUGIN_ABI;
    plugin.generator_count = strcmp(fault, "count") == 0 ? 1000000 : 2;
    plugin.generators = strcmp(fault, "no list") == 0 ? NULL : tables;
    return &plugin;
}
