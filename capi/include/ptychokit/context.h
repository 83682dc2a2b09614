/** @file ptychokit/context.h  Context, device, log, configuration, progress and cancellation. */
#ifndef PTK_CONTEXT_H
#define PTK_CONTEXT_H

#include <ptychokit/base.h>

PTK_BEGIN_DECLS

/** Device, log, registry of generators, and the general settings of everything that is created from it. */
typedef struct ptk_context ptk_context;
/** A set of option values by dotted key ("training.epochs"), checked when it is used. */
typedef struct ptk_config ptk_config;
/** A flag that stops long calls. */
typedef struct ptk_cancel ptk_cancel;

/** Importance of a message: one of enum ptk_log_level_code. */
typedef int32_t ptk_log_level;

/** Values are explicit and never change. */
enum ptk_log_level_code { PTK_LOG_ERROR = 1, PTK_LOG_WARN = 2, PTK_LOG_INFO = 3, PTK_LOG_DEBUG = 4 };

/**
 * Receiver of log messages.
 * May be called from any thread, one call at a time for each context; must not call back into the library with the same
 * context.
 *
 * @param level      enum ptk_log_level_code
 * @param area       where it comes from, e.g. "data"; valid during the call
 * @param message    UTF-8 text without a closing line break; valid during the call
 * @param user_data  as given to ptk_context_set_log()
 */
typedef void (*ptk_log_fn)(ptk_log_level level, const char *area, const char *message, void *user_data);

/**
 * State of a long call. Grows at the end only: a field is there when it lies within the first @p struct_size bytes.
 * Valid during the callback.
 */
typedef struct ptk_progress {
    int64_t struct_size;      /**< bytes */
    const char *phase;        /**< "warm probe", "train", "validate", "predict", "refine" ... */
    int64_t epoch;            /**< from 1; 0 when the phase has none */
    int64_t epochs;           /**< 0 when unknown */
    int64_t step;             /**< steps done in the phase */
    int64_t steps;            /**< 0 when unknown */
    double loss;              /**< NaN when unknown */
    double validation_loss;   /**< NaN when unknown */
    double frames_per_second; /**< NaN when unknown */
    double seconds;           /**< since the call began */
} ptk_progress;

/**
 * Receiver of progress. Called on the thread that made the blocking call, never concurrently.
 *
 * @param progress   valid during the call
 * @param user_data  as given to the blocking call
 * @return 0 to go on; anything else stops the work: the blocking call returns PTK_ERR_CANCELLED, or PTK_ERR_CALLBACK
 *         when the callback left a message with ptk_set_error_message()
 */
typedef int32_t (*ptk_progress_fn)(const ptk_progress *progress, void *user_data);

/**
 * Create a context.
 *
 * Of @p config, `seed`, `deterministic` and `compat` are inherited by later calls whose own configuration does not give
 * them. `threads` (when above 0) and `deterministic` also set LibTorch's state, of which a process has only one. Where
 * many processes share the cores, set OMP_WAIT_POLICY=passive in the environment before the program starts.
 *
 * `plugins` are loaded first, as by ptk_plugin_load(): their code is executed.
 *
 * @param[out] out     release with ptk_context_free(). NULL on failure.
 * @param      device  "cpu", "cuda", "cuda:1" or "auto" (a CUDA device when there is one)
 * @param      config  NULL for defaults
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL or another device name; PTK_ERR_DEVICE when the device is missing;
 *         PTK_ERR_INVALID_CONFIG
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_context_create(ptk_context **out, const char *device, const ptk_config *config);

/**
 * Release a context. What was created from it stays usable.
 *
 * @param ctx  NULL is ignored
 * @par Threads  one, and no other call with @p ctx at the same time
 * @since 0.1
 */
PTK_API void ptk_context_free(ptk_context *ctx);

/**
 * Send log messages of everything that was or will be created from this context to a function. Silent at first; the
 * library never writes to standard output or standard error.
 *
 * @param ctx        the context
 * @param level      least important level to send, enum ptk_log_level_code
 * @param fn         NULL makes it silent again; once the call returns, the old function is not called any more
 * @param user_data  handed to @p fn; must live until another function is set, or everything of the context is released
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL or another level
 * @par Threads  any; other calls with @p ctx may run
 * @since 0.1
 */
PTK_CALL ptk_context_set_log(ptk_context *ctx, ptk_log_level level, ptk_log_fn fn, void *user_data);

/**
 * Devices that can be used now.
 *
 * @param      ctx         the context
 * @param[out] buf         JSON array of {"name", "description", "memory_bytes"}; names are accepted by
 * ptk_context_create()
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_context_devices(const ptk_context *ctx, char *buf, size_t capacity, size_t *needed_out);

/**
 * What the context is: {"device", "threads", "seed", "deterministic", "compat"}, and this process among those that train
 * together by option training.parallel: {"rank", "processes"}, 0 and 1 for one alone.
 *
 * @param      ctx         the context
 * @param[out] buf         JSON object
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT; PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_context_describe(const ptk_context *ctx, char *buf, size_t capacity, size_t *needed_out);

/**
 * Create an empty configuration: all defaults.
 *
 * @param[out] out  release with ptk_config_free(). NULL on failure.
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_config_create(ptk_config **out);

/**
 * Read a configuration from JSON text: nested objects, or dotted keys. Comments are allowed.
 *
 * @param[out] out   release with ptk_config_free(). NULL on failure.
 * @param      json  an object, e.g. {"training": {"epochs": 3}, "data.dc": "corner"}
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_INVALID_CONFIG when it is not a JSON object
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_config_from_json(ptk_config **out, const char *json);

/**
 * Read a configuration from YAML text.
 *
 * @param[out] out   release with ptk_config_free(). NULL on failure.
 * @param      yaml  a mapping, nested or with dotted keys
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_INVALID_CONFIG when it is not a YAML mapping
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_config_from_yaml(ptk_config **out, const char *yaml);

/**
 * Read a configuration file.
 *
 * @param[out] out   release with ptk_config_free(). NULL on failure.
 * @param      path  a file named .json, .yaml or .yml
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL or another ending; PTK_ERR_IO; PTK_ERR_FORMAT when it is too large;
 *         PTK_ERR_INVALID_CONFIG
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_config_load(ptk_config **out, const char *path);

/**
 * Release a configuration. Calls that were given it have copied what they need.
 *
 * @param config  NULL is ignored
 * @par Threads  one
 * @since 0.1
 */
PTK_API void ptk_config_free(ptk_config *config);

/**
 * Set a whole number.
 *
 * @param config  the configuration
 * @param key     dotted name or an alias; checked when the configuration is used
 * @param value   the value
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL
 * @par Threads  one at a time for @p config
 * @since 0.1
 */
PTK_CALL ptk_config_set_int(ptk_config *config, const char *key, int64_t value);

/**
 * Set a number.
 *
 * @param config  the configuration
 * @param key     dotted name or an alias
 * @param value   the value
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL
 * @par Threads  one at a time for @p config
 * @since 0.1
 */
PTK_CALL ptk_config_set_float(ptk_config *config, const char *key, double value);

/**
 * Set a switch.
 *
 * @param config  the configuration
 * @param key     dotted name or an alias
 * @param value   0 = false, anything else = true
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL
 * @par Threads  one at a time for @p config
 * @since 0.1
 */
PTK_CALL ptk_config_set_bool(ptk_config *config, const char *key, int32_t value);

/**
 * Set a text.
 *
 * @param config  the configuration
 * @param key     dotted name or an alias
 * @param value   copied
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL
 * @par Threads  one at a time for @p config
 * @since 0.1
 */
PTK_CALL ptk_config_set_string(ptk_config *config, const char *key, const char *value);

/**
 * Set a pair of numbers, e.g. "data.x_bounds".
 *
 * @param config  the configuration
 * @param key     dotted name or an alias
 * @param first   first number
 * @param second  second number
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL
 * @par Threads  one at a time for @p config
 * @since 0.1
 */
PTK_CALL ptk_config_set_pair(ptk_config *config, const char *key, double first, double second);

/**
 * Set a value from text, read as the option's type: "3", "true", "0.1,0.9", "null". For command lines.
 *
 * @param config  the configuration
 * @param key     dotted name or an alias
 * @param value   copied
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL
 * @par Threads  one at a time for @p config
 * @since 0.1
 */
PTK_CALL ptk_config_set_text(ptk_config *config, const char *key, const char *value);

/**
 * Take over the values of another configuration; they win.
 *
 * @param config  the configuration
 * @param other   read only
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL
 * @par Threads  one at a time for @p config
 * @since 0.1
 */
PTK_CALL ptk_config_merge(ptk_config *config, const ptk_config *other);

/**
 * Check a configuration now instead of when it is used.
 *
 * @param ctx      gives the generators
 * @param config   NULL for defaults
 * @param subject  what it is for: "library" for everything, with the options of the generator that it names; a section
 *                 ("training"); or "generator:NAME" for the options of one generator
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND for another subject or generator;
 *         PTK_ERR_INVALID_CONFIG for an unknown key (naming the nearest), a wrong type or a value out of bounds
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_config_check(const ptk_context *ctx, const ptk_config *config, const char *subject);

/**
 * Effective values, defaults included.
 *
 * @param      ctx         gives the generators
 * @param      config      NULL for defaults
 * @param      subject     as for ptk_config_check()
 * @param[out] buf         nested JSON object
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return as ptk_config_check(), and PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_config_to_json(const ptk_context *ctx, const ptk_config *config, const char *subject, char *buf,
                            size_t capacity, size_t *needed_out);

/**
 * The options that exist.
 *
 * @param      ctx         gives the generators
 * @param      subject     "library" for all but the options of single generators; a section; or "generator:NAME"
 * @param[out] buf         JSON array of {"name", "type", "default", "meaning"} and where they apply "min", "max",
 * "choices", "aliases", "optional" (null is allowed)
 * @param      capacity    bytes of @p buf
 * @param[out] needed_out  bytes needed, with the closing NUL
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_NOT_FOUND for another subject or generator;
 *         PTK_ERR_BUFFER_TOO_SMALL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_config_schema(const ptk_context *ctx, const char *subject, char *buf, size_t capacity, size_t *needed_out);

/**
 * Create a cancel flag, lowered.
 *
 * @param[out] out  release with ptk_cancel_free() after the calls that were given it. NULL on failure.
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL
 * @par Threads  any
 * @since 0.1
 */
PTK_CALL ptk_cancel_create(ptk_cancel **out);

/**
 * Raise the flag: calls that were given it return PTK_ERR_CANCELLED soon, between two batches.
 *
 * @param cancel  NULL is ignored
 * @par Threads  any, also while calls that were given it run; also from a signal handler
 * @since 0.1
 */
PTK_API void ptk_cancel_request(ptk_cancel *cancel);

/**
 * Lower the flag, to use it again.
 *
 * @param cancel  NULL is ignored
 * @par Threads  any
 * @since 0.1
 */
PTK_API void ptk_cancel_reset(ptk_cancel *cancel);

/**
 * Release a cancel flag.
 *
 * @param cancel  NULL is ignored
 * @par Threads  one
 * @since 0.1
 */
PTK_API void ptk_cancel_free(ptk_cancel *cancel);

PTK_END_DECLS

#endif
