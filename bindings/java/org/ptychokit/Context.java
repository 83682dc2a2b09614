package org.ptychokit;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.ptychokit.lib.ptk_context;
import org.ptychokit.lib.ptk_log_level_code;
import org.ptychokit.lib.ptk_log_listener;
import org.ptychokit.lib.ptychokit;

/** Device ("cpu", "cuda", "cuda:1", "auto"), log, generators and general settings of what is made from it. */
public final class Context extends Native<ptk_context> {
    /** What is made from a context may log when nobody holds the context any more. */
    private static final Set<ptk_log_listener> LISTENERS = ConcurrentHashMap.newKeySet();
    private ptk_log_listener listener;

    public Context(String device) {
        this(device, null);
    }

    public Context(String device, Config config) {
        super(during(() -> ptychokit.ptk_context_create(device, Native.handle(config)), config), ptk_context::delete);
    }

    /** Send messages of at least the logger's level to a logger; null makes it silent, as it is at first. */
    public synchronized void logTo(System.Logger logger) {
        ptk_log_listener next = logger == null ? null : new Log(logger);
        if (next != null) {
            LISTENERS.add(next);
        }
        during(() -> ptychokit.ptk_context_set_log(handle(), logger == null ? ptk_log_level_code.PTK_LOG_ERROR : least(logger), next), this);
        if (listener != null) {
            LISTENERS.remove(listener);
            listener.delete();
        }
        listener = next;
    }

    private static int least(System.Logger logger) {
        for (int code = ptk_log_level_code.PTK_LOG_DEBUG; code > ptk_log_level_code.PTK_LOG_ERROR; --code) {
            if (logger.isLoggable(Log.level(code))) {
                return code;
            }
        }
        return ptk_log_level_code.PTK_LOG_ERROR;
    }

    private static final class Log extends ptk_log_listener {
        private final System.Logger logger;

        Log(System.Logger logger) {
            this.logger = logger;
        }

        static System.Logger.Level level(int code) {
            switch (code) {
            case ptk_log_level_code.PTK_LOG_ERROR:
                return System.Logger.Level.ERROR;
            case ptk_log_level_code.PTK_LOG_WARN:
                return System.Logger.Level.WARNING;
            case ptk_log_level_code.PTK_LOG_INFO:
                return System.Logger.Level.INFO;
            default:
                return System.Logger.Level.DEBUG;
            }
        }

        @Override
        public void on_message(int level, String area, String message) {
            logger.log(level(level), area + ": " + message);
        }
    }

    @Override
    public synchronized void close() {
        if (!isClosed()) {
            logTo(null);
        }
        super.close();
    }

    /** JSON: device, threads, seed, and this process among those that train together. */
    public String describe() {
        return during(() -> ptychokit.ptk_context_describe(handle()), this);
    }

    /** JSON: the devices that can be used now. */
    public String devices() {
        return during(() -> ptychokit.ptk_context_devices(handle()), this);
    }

    /** JSON: the generators that there are. */
    public String generators() {
        return during(() -> ptychokit.ptk_generator_list(handle()), this);
    }

    /** JSON: the ways to draw first weights, for the option generator.initializer. */
    public String initializers() {
        return during(() -> ptychokit.ptk_initializer_list(handle()), this);
    }

    /** JSON: one generator with its options. */
    public String generator(String name) {
        return during(() -> ptychokit.ptk_generator_describe(handle(), name), this);
    }

    /** JSON: what is registered under a category, "losses", "optimizers" ...; "categories": the categories. */
    public String registered(String category) {
        return during(() -> ptychokit.ptk_registry_list(handle(), category), this);
    }

    /** JSON: one of them with its options. */
    public String registered(String category, String name) {
        return during(() -> ptychokit.ptk_registry_describe(handle(), category, name), this);
    }

    /** Load a shared library with generators, or allow a TorchScript program that a model was trained with. It is executed. */
    public void loadPlugin(String path) {
        during(() -> ptychokit.ptk_plugin_load(handle(), path), this);
    }

    /** Add a generator of the program; its name has letters, digits and '_'. */
    public void register(String name, Generator generator) {
        during(() -> Networks.register(handle(), name, generator), this);
    }

    /** JSON: the options that there are. */
    public String schema(String subject) {
        return during(() -> ptychokit.ptk_config_schema(handle(), subject), this);
    }

    /** JSON: what is in a file. */
    public String describeFile(String path, Config config) {
        return during(() -> ptychokit.ptk_file_describe(handle(), path, handle(config)), this, config);
    }

    /** Intensities [n, N, N] of patches [n, N, N] seen through a probe [N, N] or [modes, N, N]. */
    public NativeArray forward(NativeArray patches, NativeArray probe) {
        return forward(patches, probe, NativeArray.allocate(DType.F32, patches.shape()));
    }

    /** The same into memory of the caller, F32 or F64. */
    public NativeArray forward(NativeArray patches, NativeArray probe, NativeArray intensity) {
        during(() -> ptychokit.ptk_forward(handle(), patches.handle(), probe.handle(), intensity.writable().handle()), this, patches, probe,
            intensity);
        return intensity;
    }
}
