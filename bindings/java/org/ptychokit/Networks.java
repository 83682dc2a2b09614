package org.ptychokit;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.ptychokit.lib.ptk_context;
import org.ptychokit.lib.ptk_generator_description;
import org.ptychokit.lib.ptk_generator_listener;
import org.ptychokit.lib.ptk_network_weights;
import org.ptychokit.lib.ptk_status_code;
import org.ptychokit.lib.ptychokit;

/** The networks of a generator as the compiled module calls them. The library holds it from registration on. */
final class Networks extends ptk_generator_listener {
    /** What a network threw last on a thread, until the exception of the call is made of it. */
    private static final ThreadLocal<Throwable> THROWN = new ThreadLocal<>();
    private final Generator generator;
    private final Map<Long, Made> networks = new ConcurrentHashMap<>();

    private static final class Made {
        final Network network;
        final List<String> names = new ArrayList<>();

        Made(Network network) {
            this.network = network;
        }

        Map<String, FloatBuffer> named(ByteBuffer[] buffers, boolean writable) {
            Map<String, FloatBuffer> named = new LinkedHashMap<>();
            for (int i = 0; i < buffers.length; ++i) {
                named.put(names.get(i), floats(buffers[i], writable));
            }
            return named;
        }
    }

    private Networks(Generator generator) {
        this.generator = generator;
    }

    static void register(ptk_context context, String name, Generator generator) {
        Networks networks = new Networks(generator);
        boolean registered = false;
        ptk_generator_description description = new ptk_generator_description(networks, name, generator.summary(), generator.source(),
            generator.options(), generator.output().code, generator.trains());
        networks.swigReleaseOwnership();
        try {
            ptychokit.ptk_generator_register(context, description);
            registered = true;
        } finally {
            description.delete();
            if (!registered) {
                networks.swigTakeOwnership();
                networks.delete();
            }
        }
    }

    /** What was thrown, when an error of the library tells of it; or null. */
    static Throwable thrown(int status, String message) {
        if (status != ptk_status_code.PTK_ERR_CALLBACK || message == null) {
            return null;
        }
        Throwable thrown = THROWN.get();
        THROWN.remove();
        return thrown != null && message.contains(beginning(thrown.toString())) ? thrown : null;
    }

    /** The library cuts long messages. */
    private static String beginning(String words) {
        return words.substring(0, Math.min(words.length(), 200));
    }

    private static FloatBuffer floats(ByteBuffer buffer, boolean writable) {
        FloatBuffer floats = buffer.order(ByteOrder.nativeOrder()).asFloatBuffer();
        return writable ? floats : floats.asReadOnlyBuffer();
    }

    private static int guarded(Runnable work) {
        try {
            work.run();
            return ptk_status_code.PTK_OK;
        } catch (PtychoKitException error) {
            ptychokit.ptk_set_error_message(error.getMessage());
            return error.status();
        } catch (Throwable error) { // nothing may leave into C
            THROWN.set(error);
            ptychokit.ptk_set_error_message(error.toString());
            return ptk_status_code.PTK_ERR_CALLBACK;
        }
    }

    @Override
    public int create(long network, long channels, long side, String options, ptk_network_weights weights) {
        return guarded(() -> {
            Made made = new Made(generator.create(channels, side, options));
            made.network.parameters().forEach((name, shape) -> {
                made.names.add(name);
                weights.add(name, shape);
            });
            networks.put(network, made);
        });
    }

    @Override
    public void destroy(long network) {
        networks.remove(network);
    }

    @Override
    public int initialise(long network, long index, long seed, ByteBuffer values) {
        return guarded(() -> {
            Made made = networks.get(network);
            made.network.initialise(made.names.get((int) index), seed, floats(values, true));
        });
    }

    @Override
    public int forward(long network, ByteBuffer[] weights, long batch, ByteBuffer amplitudes, ByteBuffer images) {
        return guarded(() -> {
            Made made = networks.get(network);
            made.network.forward(made.named(weights, false), batch, floats(amplitudes, false), floats(images, true));
        });
    }

    @Override
    public int vjp(long network, ByteBuffer[] weights, long batch, ByteBuffer amplitudes, ByteBuffer gradient, ByteBuffer[] gradients) {
        return guarded(() -> {
            Made made = networks.get(network);
            made.network.vjp(made.named(weights, false), batch, floats(amplitudes, false), floats(gradient, false),
                made.named(gradients, true));
        });
    }
}
