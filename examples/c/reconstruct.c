/*
 * From a scan to a picture of its object in C: open, train a network on the frames without labels, cancel a training,
 * save and load the model, reconstruct, refine, evaluate, read the object, train a generator of its own, meet an error.
 *
 *   cc reconstruct.c $(pkg-config --cflags --libs ptychokit) -o reconstruct
 *   ./reconstruct siemens64.npz siemens64_reference.npz result [option=value ...]
 */
#include <errno.h>
#include <ptychokit/ptychokit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        if (failed(call))                                                                                              \
            return 1;                                                                                                  \
    } while (0)

/* Every handle of the program, released at the end whatever happened. */
static struct {
    ptk_cancel* cancel;
    ptk_config *config, *own_config;
    ptk_context* context;
    ptk_dataset *dataset, *missing;
    ptk_model *model, *second, *loaded, *own;
    ptk_trainer *trainer, *stopped, *own_trainer;
    ptk_reconstructor* reconstructor;
    ptk_canvas *object, *refined;
    float* values;
} my;

struct watcher {
    int calls;
    int stop_after; /* 0: never */
    double loss;
};

static void interrupt(int number)
{
    (void)number;
    ptk_cancel_request(my.cancel); /* safe in a signal handler */
}

static int32_t watch(const ptk_progress* progress, void* user_data)
{
    struct watcher* watcher = (struct watcher*)user_data;
    ++watcher->calls;
    if (strcmp(progress->phase, "train") == 0)
        watcher->loss = progress->loss;
    return watcher->calls == watcher->stop_after;
}

/* Every call returns a status; the text of the last failure says what and where. */
static int failed(ptk_status status)
{
    if (status == PTK_OK)
        return 0;
    fprintf(stderr, "%s: %s\n", ptk_status_name((enum ptk_status_code)status), ptk_last_error_message());
    return 1;
}

static const char* in_folder(const char* folder, const char* name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int train(void)
{
    struct watcher all = {0, 0, 0}, three = {0, 3, 0};
    ptk_status status;

    TRY(ptk_model_create(&my.model, my.context, ptk_dataset_side(my.dataset), my.config));
    printf("parameters = %ld\n", (long)ptk_model_parameter_count(my.model));
    TRY(ptk_trainer_create(&my.trainer, my.model, my.config, NULL));
    TRY(ptk_trainer_fit(my.trainer, my.dataset, my.cancel, watch, &all));
    printf("progress calls = %d\ntraining loss = %.9g\n", all.calls, all.loss);

    TRY(ptk_model_create(&my.second, my.context, ptk_dataset_side(my.dataset), my.config));
    TRY(ptk_trainer_create(&my.stopped, my.second, my.config, NULL));
    status = ptk_trainer_fit(my.stopped, my.dataset, my.cancel, watch, &three);
    printf("second training = %s after %d calls\n", ptk_status_name((enum ptk_status_code)status), three.calls);
    return status != PTK_ERR_CANCELLED;
}

static int reconstruct(const char* folder)
{
    double error = 0;
    TRY(ptk_model_save(my.model, in_folder(folder, "model.ptk")));
    TRY(ptk_model_load(&my.loaded, my.context, in_folder(folder, "model.ptk")));
    TRY(ptk_reconstructor_create(&my.reconstructor, my.context, my.loaded, my.config));
    TRY(ptk_reconstructor_reconstruct(&my.object, my.reconstructor, my.dataset, my.cancel, NULL, NULL));
    TRY(ptk_fourier_error(&error, my.object, my.dataset, my.cancel, NULL, NULL));
    printf("Fourier error of the network = %.9g\n", error);
    TRY(ptk_reconstructor_refine(&my.refined, my.reconstructor, my.dataset, my.object, my.cancel, NULL, NULL));
    TRY(ptk_fourier_error(&error, my.refined, my.dataset, my.cancel, NULL, NULL));
    printf("Fourier error after refinement = %.9g\n", error);
    TRY(ptk_canvas_save(my.refined, in_folder(folder, "refined.h5")));
    return failed(ptk_canvas_write_picture(my.refined, "phase", in_folder(folder, "refined_phase.png")));
}

static int evaluate(const char* reference)
{
    static const char key[] = "\"complex_nrmse\":";
    char scores[65536];
    const char* found;
    size_t needed = 0;
    TRY(ptk_evaluate_file(my.refined, reference, NULL, scores, sizeof scores, &needed));
    found = strstr(scores, key);
    printf("complex nRMSE = %.9g\n", found == NULL ? -1 : atof(found + sizeof key - 1));
    return found == NULL;
}

/* The object as an array of this program: [height][width] pairs of float. */
static int read_object(void)
{
    ptk_view view;
    int64_t shape[PTK_MAX_NDIM], i;
    int32_t ndim = 0;
    double power = 0;
    TRY(ptk_canvas_shape(my.refined, "object", shape, PTK_MAX_NDIM, &ndim));
    my.values = (float*)malloc(sizeof(float) * 2 * (size_t)(shape[0] * shape[1]));
    if (my.values == NULL)
        return 1;
    TRY(ptk_view_init(&view, my.values, PTK_C64, ndim, shape));
    TRY(ptk_canvas_read(my.refined, "object", &view));
    for (i = 0; i < 2 * shape[0] * shape[1]; ++i)
        power += (double)my.values[i] * my.values[i];
    printf("object = %ld rows of %ld\nobject power = %.9g\n", (long)shape[0], (long)shape[1], power);
    return 0;
}

/* A generator with one number to learn: the real image is that number times the amplitudes, the imaginary one is 0. */
static ptk_status gain_create(void** self_out, const ptk_generator_problem* problem, void* user_data)
{
    int64_t* pixels = (int64_t*)malloc(sizeof *pixels);
    (void)user_data;
    if (pixels == NULL)
        return PTK_ERR_OUT_OF_MEMORY;
    *pixels = problem->channels * problem->side * problem->side;
    *self_out = pixels;
    return PTK_OK;
}

static int64_t gain_count(void* self)
{
    (void)self;
    return 1;
}

static ptk_status gain_parameter(void* self, int64_t index, ptk_generator_parameter* out)
{
    (void)self, (void)index;
    out->name = "gain";
    out->ndim = 1;
    out->shape[0] = 1;
    return PTK_OK;
}

static ptk_status gain_initialise(void* self, int64_t index, uint64_t seed, float* values_out)
{
    (void)self, (void)index, (void)seed;
    values_out[0] = 0.5F;
    return PTK_OK;
}

static ptk_status gain_forward(void* self, const float* const* parameters, int64_t batch, const float* amplitudes,
                               float* images_out)
{
    const int64_t pixels = *(const int64_t*)self;
    int64_t b, i;
    for (b = 0; b < batch; ++b, amplitudes += pixels, images_out += 2 * pixels) {
        for (i = 0; i < pixels; ++i) {
            images_out[i] = parameters[0][0] * amplitudes[i];
            images_out[pixels + i] = 0;
        }
    }
    return PTK_OK;
}

static ptk_status gain_vjp(void* self, const float* const* parameters, int64_t batch, const float* amplitudes,
                           const float* grad_images, float* const* grad_parameters_out)
{
    const int64_t pixels = *(const int64_t*)self;
    double sum = 0;
    int64_t b, i;
    (void)parameters;
    for (b = 0; b < batch; ++b, amplitudes += pixels, grad_images += 2 * pixels) {
        for (i = 0; i < pixels; ++i)
            sum += (double)(grad_images[i] * amplitudes[i]);
    }
    grad_parameters_out[0][0] = (float)sum;
    return PTK_OK;
}

static int train_own(void)
{
    ptk_generator_table table;
    struct watcher all = {0, 0, 0};
    memset(&table, 0, sizeof table);
    table.struct_size = sizeof table;
    table.abi = PTK_PLUGIN_ABI;
    table.output = PTK_OUTPUT_REAL_IMAG;
    table.name = "gain";
    table.summary = "amplitudes times one number";
    table.create = gain_create;
    table.destroy = free;
    table.parameter_count = gain_count;
    table.parameter = gain_parameter;
    table.initialise = gain_initialise;
    table.forward = gain_forward;
    table.vjp = gain_vjp;
    TRY(ptk_generator_register(my.context, &table));
    TRY(ptk_config_from_json(&my.own_config, "{\"seed\": 5, \"generator.name\": \"gain\", \"training.epochs\": 1, "
                                             "\"probe.warm_epochs\": 1}"));
    TRY(ptk_model_create(&my.own, my.context, ptk_dataset_side(my.dataset), my.own_config));
    TRY(ptk_trainer_create(&my.own_trainer, my.own, my.own_config, NULL));
    TRY(ptk_trainer_fit(my.own_trainer, my.dataset, my.cancel, watch, &all));
    printf("loss of an own generator = %.9g\n", all.loss);
    return 0;
}

static int run(int argc, char** argv)
{
    ptk_status status;
    int i;
    TRY(ptk_cancel_create(&my.cancel));
    TRY(ptk_config_create(&my.config));
    signal(SIGINT, interrupt);
    for (i = 4; i < argc; ++i) {
        char* value = strchr(argv[i], '=');
        if (value == NULL) {
            fprintf(stderr, "expected option=value, found '%s'\n", argv[i]);
            return 1;
        }
        *value++ = '\0';
        TRY(ptk_config_set_text(my.config, argv[i], value));
    }
    TRY(ptk_context_create(&my.context, "cpu", my.config));
    TRY(ptk_dataset_open(&my.dataset, my.context, argv[1], my.config));
    printf("frames = %ld\n", (long)ptk_dataset_size(my.dataset));
    if (train() || reconstruct(argv[3]) || evaluate(argv[2]) || read_object() || train_own())
        return 1;
    status = ptk_dataset_open(&my.missing, my.context, "missing.npz", NULL);
    printf("a missing file = %s\n", ptk_status_name((enum ptk_status_code)status));
    return status != PTK_ERR_IO || strstr(ptk_last_error_message(), "missing.npz") == NULL;
}

int main(int argc, char** argv)
{
    int result;
    if (argc < 4) {
        fprintf(stderr, "usage: %s SCAN REFERENCE FOLDER [OPTION=VALUE ...]\n", argv[0]);
        return 2;
    }
    if (mkdir(argv[3], 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "%s: %s\n", argv[3], strerror(errno));
        return 1;
    }
    result = run(argc, argv);
    free(my.values);
    ptk_canvas_free(my.refined);
    ptk_canvas_free(my.object);
    ptk_reconstructor_free(my.reconstructor);
    ptk_trainer_free(my.own_trainer);
    ptk_trainer_free(my.stopped);
    ptk_trainer_free(my.trainer);
    ptk_model_free(my.own);
    ptk_model_free(my.loaded);
    ptk_model_free(my.second);
    ptk_model_free(my.model);
    ptk_dataset_free(my.dataset);
    ptk_context_free(my.context);
    ptk_config_free(my.own_config);
    ptk_config_free(my.config);
    ptk_cancel_free(my.cancel);
    return result;
}
