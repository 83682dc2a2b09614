/*
 * A generator as a plug-in in plain C: a network with one hidden layer that sees the whole frame at once.
 *
 *     h = tanh(W1 x + b1),  y = W2 h + b2
 *
 * x: the C N N amplitudes of an input; y: its 2 C N N numbers of real and imaginary part. What a plug-in needs is the
 * header; nothing of PtychoKit is linked:
 *
 *     cc -O3 -march=native -shared -fPIC mlp.c $(pkg-config --cflags ptychokit) -o libmlp.so -lm
 *     ptychokit --plugin ./libmlp.so describe generator mlp
 */
#include <math.h>
#include <ptychokit/plugin.h>
#include <stdlib.h>
#include <string.h>

enum { HIDDEN_WEIGHT, HIDDEN_BIAS, OUTPUT_WEIGHT, OUTPUT_BIAS, PARAMETERS };

/* One network. Its functions are called one at a time, so that it may keep what they need. */
typedef struct mlp {
    int64_t inputs;  /* C N N */
    int64_t hidden;  /* option "width" */
    int64_t outputs; /* 2 C N N */
    float* layer;    /* hidden numbers of an input */
    float* gradient; /* their gradient */
} mlp;

static void destroy(void* self)
{
    mlp* net = (mlp*)self;
    if (net == NULL)
        return;
    free(net->layer);
    free(net->gradient);
    free(net);
}

/* Options come as a flat JSON object; ours is one whole number, checked by the library. */
static int64_t width_in(const char* options)
{
    const char* found = strstr(options, "\"width\":");
    return found == NULL ? 0 : strtol(found + strlen("\"width\":"), NULL, 10);
}

static ptk_status create(void** self_out, const ptk_generator_problem* problem, void* user_data)
{
    mlp* net = (mlp*)calloc(1, sizeof(mlp));
    (void)user_data;
    if (net == NULL)
        return PTK_ERR_OUT_OF_MEMORY;
    net->inputs = problem->channels * problem->side * problem->side;
    net->outputs = 2 * net->inputs;
    net->hidden = width_in(problem->options);
    net->layer = (float*)calloc((size_t)net->hidden, sizeof(float));
    net->gradient = (float*)calloc((size_t)net->hidden, sizeof(float));
    if (net->hidden < 1 || net->layer == NULL || net->gradient == NULL) {
        problem->set_error_message("no memory for the hidden layer");
        destroy(net);
        return PTK_ERR_OUT_OF_MEMORY;
    }
    *self_out = net;
    return PTK_OK;
}

static int64_t parameter_count(void* self)
{
    (void)self;
    return PARAMETERS;
}

/* Both matrices have a row for each hidden number, so that every loop runs along memory. */
static ptk_status parameter(void* self, int64_t index, ptk_generator_parameter* out)
{
    static const char* const names[PARAMETERS] = {"hidden.weight", "hidden.bias", "output.weight", "output.bias"};
    const mlp* net = (const mlp*)self;
    out->name = names[index];
    out->ndim = index == HIDDEN_WEIGHT || index == OUTPUT_WEIGHT ? 2 : 1;
    out->shape[0] = index == OUTPUT_BIAS ? net->outputs : net->hidden;
    if (out->ndim == 2)
        out->shape[1] = index == HIDDEN_WEIGHT ? net->inputs : net->outputs;
    return PTK_OK;
}

/* SplitMix64 (Steele et al., OOPSLA 2014), as a number in (-1, 1). */
static float random_number(uint64_t* state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (float)(z >> 40) / 8388608.0f - 1.0f;
}

/* Weights of order 1 / sqrt(inputs); the object begins as empty space, 1 + 0 i. */
static ptk_status initialise(void* self, int64_t index, uint64_t seed, float* values)
{
    const mlp* net = (const mlp*)self;
    uint64_t state = seed + 0x632be59bd9b4e019u * (uint64_t)(index + 1);
    int64_t i;
    if (index == HIDDEN_WEIGHT)
        for (i = 0; i < net->hidden * net->inputs; ++i)
            values[i] = random_number(&state) / sqrtf((float)net->inputs);
    if (index == HIDDEN_BIAS)
        for (i = 0; i < net->hidden; ++i)
            values[i] = 0;
    if (index == OUTPUT_WEIGHT)
        for (i = 0; i < net->hidden * net->outputs; ++i)
            values[i] = 0.1f * random_number(&state) / sqrtf((float)net->hidden);
    if (index == OUTPUT_BIAS)
        for (i = 0; i < net->outputs; ++i)
            values[i] = i < net->inputs ? 1.0f : 0.0f;
    return PTK_OK;
}

static float dot(const float* a, const float* b, int64_t count)
{
    float part[16] = {0}, sum = 0;
    int64_t i = 0;
    int k;
    for (; i + 16 <= count; i += 16)
        for (k = 0; k < 16; ++k)
            part[k] += a[i + k] * b[i + k];
    for (; i < count; ++i)
        sum += a[i] * b[i];
    for (k = 0; k < 16; ++k)
        sum += part[k];
    return sum;
}

static void add_scaled(float* y, float scale, const float* x, int64_t count)
{
    int64_t i;
    for (i = 0; i < count; ++i)
        y[i] += scale * x[i];
}

static void hidden_layer(mlp* net, const float* const* parameters, const float* x)
{
    int64_t j;
    for (j = 0; j < net->hidden; ++j)
        net->layer[j] =
            tanhf(parameters[HIDDEN_BIAS][j] + dot(parameters[HIDDEN_WEIGHT] + j * net->inputs, x, net->inputs));
}

static ptk_status forward(void* self, const float* const* parameters, int64_t batch, const float* amplitudes,
                          float* images)
{
    mlp* net = (mlp*)self;
    int64_t b, j;
    for (b = 0; b < batch; ++b) {
        float* y = images + b * net->outputs;
        hidden_layer(net, parameters, amplitudes + b * net->inputs);
        memcpy(y, parameters[OUTPUT_BIAS], (size_t)net->outputs * sizeof(float));
        for (j = 0; j < net->hidden; ++j)
            add_scaled(y, net->layer[j], parameters[OUTPUT_WEIGHT] + j * net->outputs, net->outputs);
    }
    return PTK_OK;
}

static ptk_status vjp(void* self, const float* const* parameters, int64_t batch, const float* amplitudes,
                      const float* grad_images, float* const* grad_parameters)
{
    mlp* net = (mlp*)self;
    int64_t b, j;
    memset(grad_parameters[HIDDEN_WEIGHT], 0, (size_t)(net->hidden * net->inputs) * sizeof(float));
    memset(grad_parameters[HIDDEN_BIAS], 0, (size_t)net->hidden * sizeof(float));
    memset(grad_parameters[OUTPUT_WEIGHT], 0, (size_t)(net->hidden * net->outputs) * sizeof(float));
    memset(grad_parameters[OUTPUT_BIAS], 0, (size_t)net->outputs * sizeof(float));
    for (b = 0; b < batch; ++b) {
        const float* x = amplitudes + b * net->inputs;
        const float* gy = grad_images + b * net->outputs;
        hidden_layer(net, parameters, x);
        add_scaled(grad_parameters[OUTPUT_BIAS], 1, gy, net->outputs);
        for (j = 0; j < net->hidden; ++j) {
            const float h = net->layer[j];
            net->gradient[j] =
                (1 - h * h) * dot(parameters[OUTPUT_WEIGHT] + j * net->outputs, gy, net->outputs); /* tanh' = 1 - h^2 */
            add_scaled(grad_parameters[OUTPUT_WEIGHT] + j * net->outputs, h, gy, net->outputs);
            add_scaled(grad_parameters[HIDDEN_WEIGHT] + j * net->inputs, net->gradient[j], x, net->inputs);
            grad_parameters[HIDDEN_BIAS][j] += net->gradient[j];
        }
    }
    return PTK_OK;
}

PTK_API const ptk_plugin* ptk_plugin_entry(void)
{
    static ptk_generator_table table;
    static const ptk_generator_table* const tables[] = {&table};
    static ptk_plugin plugin;
    table.struct_size = sizeof table;
    table.abi = PTK_PLUGIN_ABI;
    table.output = PTK_OUTPUT_REAL_IMAG;
    table.name = "mlp";
    table.summary = "one hidden layer that sees the whole frame: the example of a plug-in in C";
    table.source = "examples/plugins/mlp.c";
    table.options = "[{\"name\": \"width\", \"type\": \"int\", \"default\": 64, \"min\": 1, \"max\": 4096,"
                    " \"meaning\": \"numbers of the hidden layer\"}]";
    table.create = create;
    table.destroy = destroy;
    table.parameter_count = parameter_count;
    table.parameter = parameter;
    table.initialise = initialise;
    table.forward = forward;
    table.vjp = vjp;
    plugin.struct_size = sizeof plugin;
    plugin.abi = PTK_PLUGIN_ABI;
    plugin.generator_count = 1;
    plugin.generators = tables;
    return &plugin;
}
