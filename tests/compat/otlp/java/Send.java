import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.util.List;

/** Makes traces by the API; the agent that it runs under sends them. The attributes are those of values.json. */
public final class Send {
  private static final int TRACES = 50;

  public static void main(String[] arguments) {
    Attributes values =
        Attributes.builder()
            .put("text", "transfer")
            .put("text.empty", "")
            .put("text.control", "a\u0001b\tc\nd\u001fe\"f\\g'h\0i\u007f")
            .put("text.four_bytes", "\ud83c\udfe6 \ud835\udd17 \u00df \u20ac")
            .put("key with \ud83c\udfe6 and \"", "x")
            .put("int", 42)
            .put("int.negative", -7)
            .put("int.safe", 9007199254740991L)
            .put("int.max", Long.MAX_VALUE)
            .put("int.min", Long.MIN_VALUE)
            .put("double", 0.1)
            .put("double.small", 1.5e-9)
            .put("double.large", 1e300)
            .put("double.whole", 3.0)
            .put("double.two_to_63", 0x1p63)
            .put("true", true)
            .put("false", false)
            .put(AttributeKey.stringArrayKey("array.text"), List.of("a", "", "\u00fc\n\""))
            .put(AttributeKey.longArrayKey("array.int"), List.of(1L, -2L))
            .put(AttributeKey.doubleArrayKey("array.double"), List.of(0.5, 1.5e-9))
            .put(AttributeKey.booleanArrayKey("array.bool"), List.of(true, false))
            .put(AttributeKey.stringArrayKey("array.empty"), List.of())
            .build();
    Tracer tracer = GlobalOpenTelemetry.getTracer("compat", "1.0");
    for (int number = 0; number < TRACES; number++) {
      Span parent = tracer.spanBuilder("parent").setSpanKind(SpanKind.SERVER).startSpan();
      try (Scope ignored = parent.makeCurrent()) {
        Attributes link = values.toBuilder().put("link.number", (long) number).build();
        Span child =
            tracer
                .spanBuilder("child")
                .setSpanKind(SpanKind.CLIENT)
                .setAllAttributes(values)
                .addLink(parent.getSpanContext(), link)
                .startSpan();
        child.addEvent("event", values);
        child.addEvent("bare");
        child.end();
      }
      if (number % 3 == 0) {
        parent.setStatus(StatusCode.ERROR, "it \"failed\" \ud83c\udfe6\n");
      } else if (number % 3 == 1) {
        parent.setStatus(StatusCode.OK);
      }
      parent.end();
    }
    String id = String.format("0102030405060708090a0b0d%08x", ProcessHandle.current().pid());
    TraceState state = TraceState.builder().put("c", "d").put("a", "b").build();
    SpanContext remote = SpanContext.createFromRemoteParent(id, "1112131415161718", TraceFlags.getSampled(), state);
    Context afar = Context.root().with(Span.wrap(remote));
    Span span =
        tracer.spanBuilder("from afar").setSpanKind(SpanKind.CONSUMER).setParent(afar).addLink(remote).startSpan();
    for (SpanKind kind : SpanKind.values()) {
      tracer.spanBuilder("kind " + kind).setSpanKind(kind).setParent(afar.with(span)).startSpan().end();
    }
    span.end();
  }
}
