/**
 * @file ptychokit/plugin.h  Generators from outside: C functions, shared libraries, TorchScript programs.
 *
 * A generator made of C functions is a table of them, ptk_generator_table. A program hands it to
 * ptk_generator_register(); a shared library shows it in ptk_plugin_entry() and is loaded by ptk_plugin_load(), by the
 * option `plugins`, or by `--plugin FILE` of the program. It is then a generator like any other: it has a name and options,
 * is trained and stored, and a bundle that was trained with it can be loaded where it is registered.
 *
 * A shared library needs this header and nothing else; it need not be linked with PtychoKit:
 * @code
 *   cc -O2 -shared -fPIC mlp.c $(pkg-config --cflags ptychokit) -o libmlp.so
 * @endcode
 *
 * - @b Arrays are C-contiguous, float, in host memory (copied to and fro when the context computes on a GPU), and belong
 * to the library, which keeps them during the call only.
 * - @b Parameters belong to the library too: it initialises them once by the plug-in's function, trains and stores them,
 * and hands them to each call, in the order in which they were declared.
 * - @b Threads: the functions of one network (`self`) are called one at a time, but not always on the same thread;
 * networks of different models may be called at the same time. `vjp` comes on the thread that trains; on a GPU, on a
 * thread of LibTorch's autograd.
 * - @b Failures: a function that fails returns anything but PTK_OK, after `problem->set_error_message()` said why. The
 * call of the library that needed it then fails with PTK_ERR_CALLBACK (PTK_ERR_SHAPE and PTK_ERR_INVALID_CONFIG of
 * `create` stay what they are). Numbers that are not finite, or were not written, are PTK_ERR_NOT_CONVERGED. Neither
 * exceptions nor longjmp may leave a function, and it must not call the library with the model that it serves.
 * - A plug-in is code: it can do whatever the program can. Load none that you do not trust.
 */
#ifndef PTK_PLUGIN_H
#define PTK_PLUGIN_H

#include <ptychokit/array.h>
#include <ptychokit/context.h>

#define PTK_PLUGIN_ABI 1 /**< version of the structs of this file; grows when they change otherwise than at the end */

PTK_BEGIN_DECLS

/** What the two images of a generator are: one of enum ptk_generator_output_code. */
typedef int32_t ptk_generator_output;

/** Values are explicit and never change. */
enum ptk_generator_output_code {
    PTK_OUTPUT_REAL_IMAG = 1,       /**< real and imaginary part */
    PTK_OUTPUT_AMP_PHASE = 2,       /**< amplitude, and phase in rad */
    PTK_OUTPUT_AMP_PHASE_LOGITS = 3 /**< a and p: amplitude 1 / (1 + exp(-a)), phase pi tanh(p) */
};

/** Functions of a generator. */
typedef struct ptk_generator_table ptk_generator_table;

/** What a network is made for. Grows at the end only. */
typedef struct ptk_generator_problem {
    int64_t struct_size; /**< bytes */
    int64_t channels;    /**< C, frames of one input */
    int64_t side;        /**< N, pixels of a frame's side */
    const char *options; /**< JSON object of all options of the table with their values, {"width": 8}; valid during the
                              call */
    void (*set_error_message)(const char *message); /**< ptk_set_error_message(), valid for ever */
} ptk_generator_problem;

/** One array of weights. Grows at the end only. */
typedef struct ptk_generator_parameter {
    int64_t struct_size;         /**< bytes */
    const char *name;            /**< unique, of letters, digits, '_' and inner '.', at most 128; valid while self is */
    int64_t ndim;                /**< axes, 0 to PTK_MAX_NDIM */
    int64_t shape[PTK_MAX_NDIM]; /**< at least 1 each; all parameters hold at most 2^30 numbers */
} ptk_generator_parameter;

/** Functions of a generator. Zero it and fill it in: all members but those that say so are needed. */
struct ptk_generator_table {
    int64_t struct_size;         /**< sizeof(ptk_generator_table) */
    int32_t abi;                 /**< PTK_PLUGIN_ABI */
    ptk_generator_output output; /**< enum ptk_generator_output_code */
    const char *name;            /**< 1 to 64 letters, digits and '_'; no other generator's */
    const char *summary;         /**< one line */
    const char *source;          /**< paper or program; may be NULL */
    const char *options;         /**< JSON array of {"name", "type", "default", "meaning", "min", "max", "choices"} as
                                      ptk_config_schema() gives them, names without "generator."; may be NULL */
    void *user_data;             /**< handed to create; may be NULL */

    /**
     * Make a network.
     *
     * @param[out] self_out   handed to the functions below; may stay NULL
     * @param      problem    valid during the call
     * @param      user_data  of the table
     * @return PTK_OK; PTK_ERR_SHAPE when it cannot take this side or number of channels; PTK_ERR_INVALID_CONFIG when
     *         options do not fit each other; another status for other failures
     */
    ptk_status (*create)(void **self_out, const ptk_generator_problem *problem, void *user_data);

    /** Release a network that create has made. May be NULL. */
    void (*destroy)(void *self);

    /** Number of its arrays of weights, 0 to 65536. */
    int64_t (*parameter_count)(void *self);

    /** Describe one of them: name, ndim, shape. */
    ptk_status (*parameter)(void *self, int64_t index, ptk_generator_parameter *parameter_out);

    /** Write the initial values of one of them; the same seed gives the same values. */
    ptk_status (*initialise)(void *self, int64_t index, uint64_t seed, float *values_out);

    /**
     * Predict.
     *
     * @param      parameters  one pointer an array of weights
     * @param      batch       inputs
     * @param      amplitudes  (batch, C, N, N): square roots of counts, scaled to order one, zero frequency at N/2
     * @param[out] images_out  (batch, 2, C, N, N): the two images of each frame; all must be written
     */
    ptk_status (*forward)(void *self, const float *const *parameters, int64_t batch, const float *amplitudes,
                          float *images_out);

    /**
     * Vector-Jacobian product: gradients of sum(grad_images * images) by every parameter. NULL when the generator only
     * predicts.
     *
     * @param      parameters           as in forward
     * @param      batch                inputs
     * @param      amplitudes           as in forward
     * @param      grad_images          (batch, 2, C, N, N)
     * @param[out] grad_parameters_out  one array a parameter, of its shape; all must be written
     */
    ptk_status (*vjp)(void *self, const float *const *parameters, int64_t batch, const float *amplitudes,
                      const float *grad_images, float *const *grad_parameters_out);

    /** Called once when nothing uses the table any more, on the thread that released the last handle. May be NULL. */
    void (*free_user_data)(void *user_data);
};

/** What a shared library brings. Grows at the end only. */
typedef struct ptk_plugin {
    int64_t struct_size;                          /**< sizeof(ptk_plugin) */
    int32_t abi;                                  /**< PTK_PLUGIN_ABI */
    int32_t generator_count;                      /**< 1 to 256 */
    const ptk_generator_table *const *generators; /**< valid for ever */
} ptk_plugin;

/**
 * The one symbol that a shared library exports: `PTK_API const ptk_plugin *ptk_plugin_entry(void)`, in C++ as
 * `extern "C"`. NULL says that it cannot work.
 */
typedef const ptk_plugin *(*ptk_plugin_entry_fn)(void);

/**
 * Add a generator made of C functions to a context.
 *
 * @param ctx    the context; the generator is there for everything that is made from it later
 * @param table  copied with its texts; the functions and user_data must stay until free_user_data is called, which
 *               happens when the context and all models of this generator are released. On failure it is not called.
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL, a missing function or a text that cannot be; PTK_ERR_UNSUPPORTED
 *         for another PTK_PLUGIN_ABI; PTK_ERR_EXISTS when the name is taken
 * @par Threads  any; other calls with @p ctx may run
 * @since 0.1
 */
PTK_CALL ptk_generator_register(ptk_context *ctx, const ptk_generator_table *table);

/**
 * Load a plug-in, whose code is executed.
 *
 * A shared library adds its generators, all or none; it stays in the process. A TorchScript program (torch.jit.save) is
 * noted by its content: models that were trained with it can then be loaded. To make a new model of a program, name it
 * in the option `generator.file` of generator `torchscript`; that notes it too. Both can also be done when the context
 * is created, by the options `plugins` and `generator.file`.
 *
 * @param ctx   the context
 * @param path  a shared library or a TorchScript program
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL or a table that cannot be; PTK_ERR_IO when the file cannot be read
 *         or loaded; PTK_ERR_FORMAT when it is neither of the two, or has no ptk_plugin_entry; PTK_ERR_UNSUPPORTED for
 *         another PTK_PLUGIN_ABI; PTK_ERR_EXISTS when the name of a generator is taken; PTK_ERR_CALLBACK when
 *         ptk_plugin_entry() failed
 * @par Threads  any; other calls with @p ctx may run
 * @since 0.1
 */
PTK_CALL ptk_plugin_load(ptk_context *ctx, const char *path);

PTK_END_DECLS

#endif
