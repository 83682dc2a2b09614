package org.ptychokit;

import java.nio.FloatBuffer;
import java.util.Map;

/**
 * A network of a {@link Generator}. The library trains and stores its weights. Buffers are there during the call only, in C order; weights,
 * amplitudes and gradients that come in can only be read. Methods are called one at a time, on the thread of the call that needs them; what
 * they throw becomes the cause of the {@link PtychoKitException} of that call.
 */
public interface Network {
    /** Names and shapes of the arrays of weights, in a map that keeps their order. */
    Map<String, long[]> parameters();

    /** First values, the same for the same seed. */
    void initialise(String name, long seed, FloatBuffer values);

    /** Images [batch, 2, C, N, N] of amplitudes [batch, C, N, N], which are square roots of counts scaled to order one. */
    void forward(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer images);

    /** Gradients of the sum of {@code gradient * images} by every array of weights; needed when {@link Generator#trains}. */
    default void vjp(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer gradient,
        Map<String, FloatBuffer> gradients) {
        throw new UnsupportedOperationException("the network has no vjp; a generator without one says so in trains()");
    }
}
