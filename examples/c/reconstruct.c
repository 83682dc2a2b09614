/*
 * From a scan to a picture of its object in C: open, train a network on the frames without labels, reconstruct, refine,
 * measure, write.
 *
 *   cc reconstruct.c $(pkg-config --cflags --libs ptychokit) -o reconstruct
 *   ./reconstruct siemens64.npz result [training epochs] [refinement epochs]
 */
#include <ptychokit/ptychokit.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static ptk_cancel *cancel = NULL;

static void stop(int number)
{
    (void)number;
    ptk_cancel_request(cancel); /* safe in a signal handler */
}

static int32_t show_progress(const ptk_progress *progress, void *user_data)
{
    (void)user_data;
    if (progress->steps > 0 && (progress->step % 50 == 0 || progress->step == progress->steps))
        printf("%-10s step %ld of %ld  loss %.4f\n", progress->phase, (long)progress->step, (long)progress->steps,
               progress->loss);
    return 0;
}

/* Every call returns a status; the text of the last failure says what and where. */
static int failed(ptk_status status)
{
    if (status == PTK_OK)
        return 0;
    fprintf(stderr, "error %d: %s\n", (int)status, ptk_last_error_message());
    return 1;
}

static int write_result(const ptk_canvas *canvas, const ptk_dataset *dataset, const char *folder, const char *name)
{
    static const char *const pictures[] = {"amplitude", "phase", "probe"};
    char path[4096];
    double error = 0;
    size_t i;

    if (failed(ptk_fourier_error(&error, canvas, dataset, cancel, NULL, NULL)))
        return 1;
    printf("%s: relative Fourier error %.4f\n", name, error);
    snprintf(path, sizeof path, "%s/%s.h5", folder, name);
    if (failed(ptk_canvas_save(canvas, path)))
        return 1;
    for (i = 0; i < sizeof pictures / sizeof *pictures; ++i) {
        snprintf(path, sizeof path, "%s/%s_%s.png", folder, name, pictures[i]);
        if (failed(ptk_canvas_write_picture(canvas, pictures[i], path)))
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    ptk_config *config = NULL;
    ptk_context *context = NULL;
    ptk_dataset *dataset = NULL;
    ptk_model *model = NULL;
    ptk_trainer *trainer = NULL;
    ptk_reconstructor *reconstructor = NULL;
    ptk_canvas *object = NULL, *refined = NULL;
    int result = 1;

    if (argc < 3) {
        fprintf(stderr, "usage: %s SCAN FOLDER [TRAINING_EPOCHS] [REFINEMENT_EPOCHS]\n", argv[0]);
        return 2;
    }
    if (mkdir(argv[2], 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "%s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    if (failed(ptk_cancel_create(&cancel)) || failed(ptk_config_create(&config)))
        goto done;
    signal(SIGINT, stop);
    if (argc > 3 && failed(ptk_config_set_int(config, "training.epochs", atol(argv[3]))))
        goto done;
    if (argc > 4 && failed(ptk_config_set_int(config, "refinement.epochs", atol(argv[4]))))
        goto done;

    if (failed(ptk_context_create(&context, "cpu", config)) ||
        failed(ptk_dataset_open(&dataset, context, argv[1], config)))
        goto done;
    printf("%ld frames of %ld x %ld\n", (long)ptk_dataset_size(dataset), (long)ptk_dataset_side(dataset),
           (long)ptk_dataset_side(dataset));

    if (failed(ptk_model_create(&model, context, ptk_dataset_side(dataset), config)) ||
        failed(ptk_trainer_create(&trainer, model, config, NULL)) ||
        failed(ptk_trainer_fit(trainer, dataset, cancel, show_progress, NULL)))
        goto done;

    if (failed(ptk_reconstructor_create(&reconstructor, context, model, config)) ||
        failed(ptk_reconstructor_reconstruct(&object, reconstructor, dataset, cancel, NULL, NULL)) ||
        write_result(object, dataset, argv[2], "object"))
        goto done;

    if (failed(ptk_reconstructor_refine(&refined, reconstructor, dataset, object, cancel, NULL, NULL)) ||
        write_result(refined, dataset, argv[2], "refined"))
        goto done;
    result = 0;

done:
    ptk_canvas_free(refined);
    ptk_canvas_free(object);
    ptk_reconstructor_free(reconstructor);
    ptk_trainer_free(trainer);
    ptk_model_free(model);
    ptk_dataset_free(dataset);
    ptk_context_free(context);
    ptk_config_free(config);
    ptk_cancel_free(cancel);
    return result;
}
