import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
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
            .put("text.control", "a\u0001b\tc\nd\u001fe\"f\\g")
            .put("text.four_bytes", "\ud83c\udfe6 \ud835\udd17 \u00df \u20ac")
            .put("int", 42)
            .put("int.negative", -7)
            .put("int.safe", 9007199254740991L)
            .put("int.max", Long.MAX_VALUE)
            .put("double", 0.1)
            .put("double.small", 1.5e-9)
            .put("true", true)
            .put("false", false)
            .put(AttributeKey.stringArrayKey("array.text"), List.of("a", "", "\u00fc"))
            .put(AttributeKey.longArrayKey("array.int"), List.of(1L, 2L))
            .put(AttributeKey.booleanArrayKey("array.bool"), List.of(true, false))
            .build();
    Tracer tracer = GlobalOpenTelemetry.getTracer("compat", "1.0");
    for (int number = 0; number < TRACES; number++) {
      Span parent = tracer.spanBuilder("parent").setSpanKind(SpanKind.SERVER).startSpan();
      try (Scope ignored = parent.makeCurrent()) {
        Attributes link = Attributes.of(AttributeKey.longKey("link.number"), (long) number);
        Span child =
            tracer
                .spanBuilder("child")
                .setSpanKind(SpanKind.CLIENT)
                .setAllAttributes(values)
                .addLink(parent.getSpanContext(), link)
                .startSpan();
        child.addEvent("event", Attributes.of(AttributeKey.longKey("event.number"), (long) number));
        child.end();
      }
      if (number % 5 == 0) {
        parent.setStatus(StatusCode.ERROR, "refused");
      }
      parent.end();
    }
  }
}
