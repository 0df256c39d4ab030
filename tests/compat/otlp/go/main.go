// Sends traces with the OpenTelemetry SDK for Go and reports what was sent; run.sh says what it finds in its environment.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const traces = 50

func exporter(ctx context.Context) (*otlptrace.Exporter, error) {
	endpoint, gzip := os.Getenv("COMPAT_ENDPOINT"), os.Getenv("COMPAT_COMPRESSION") == "gzip"
	if strings.HasPrefix(os.Getenv("COMPAT_WAY"), "grpc") {
		options := []otlptracegrpc.Option{otlptracegrpc.WithEndpointURL(endpoint)}
		if gzip {
			options = append(options, otlptracegrpc.WithCompressor("gzip"))
		}
		return otlptracegrpc.New(ctx, options...)
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(endpoint + "/v1/traces")}
	if gzip {
		options = append(options, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptracehttp.New(ctx, options...)
}

type object = map[string]any

func anyValue(value attribute.Value) object {
	list := func(items []object) object { return object{"arrayValue": object{"values": items}} }
	items := []object{}
	switch value.Type() {
	case attribute.BOOL:
		return object{"boolValue": value.AsBool()}
	case attribute.INT64:
		return object{"intValue": strconv.FormatInt(value.AsInt64(), 10)}
	case attribute.FLOAT64:
		return object{"doubleValue": value.AsFloat64()}
	case attribute.STRING:
		return object{"stringValue": value.AsString()}
	case attribute.BOOLSLICE:
		for _, item := range value.AsBoolSlice() {
			items = append(items, anyValue(attribute.BoolValue(item)))
		}
	case attribute.INT64SLICE:
		for _, item := range value.AsInt64Slice() {
			items = append(items, anyValue(attribute.Int64Value(item)))
		}
	case attribute.FLOAT64SLICE:
		for _, item := range value.AsFloat64Slice() {
			items = append(items, anyValue(attribute.Float64Value(item)))
		}
	case attribute.STRINGSLICE:
		for _, item := range value.AsStringSlice() {
			items = append(items, anyValue(attribute.StringValue(item)))
		}
	default:
		log.Fatalf("an attribute of type %s", value.Type())
	}
	return list(items)
}

func attributes(of []attribute.KeyValue) object {
	all := object{}
	for _, pair := range of {
		all[string(pair.Key)] = anyValue(pair.Value)
	}
	return all
}

func report(span sdk.ReadOnlySpan) object {
	at, events, links, parent := span.SpanContext(), [][]any{}, [][]any{}, ""
	if span.Parent().HasSpanID() {
		parent = span.Parent().SpanID().String()
	}
	for _, event := range span.Events() {
		events = append(events, []any{event.Name, fmt.Sprint(event.Time.UnixNano()), attributes(event.Attributes)})
	}
	for _, link := range span.Links() {
		// The exporter does not send the trace state of a link.
		links = append(links, []any{link.SpanContext.TraceID(), link.SpanContext.SpanID(), "", attributes(link.Attributes)})
	}
	kind := span.SpanKind().String()
	return object{
		"trace": at.TraceID(), "span": at.SpanID(), "parent": parent, "state": at.TraceState().String(), "name": span.Name(),
		"kind": strings.ToUpper(kind[:1]) + kind[1:], "start": fmt.Sprint(span.StartTime().UnixNano()),
		"duration": fmt.Sprint(span.EndTime().UnixNano() - span.StartTime().UnixNano()),
		"status":   span.Status().Code.String(), "message": span.Status().Description, "attributes": attributes(span.Attributes()),
		"events": events, "links": links, "resource": attributes(span.Resource().Attributes()),
		"scope": []string{span.InstrumentationScope().Name, span.InstrumentationScope().Version},
	}
}

// recording remembers what the exporter behind it saw accepted.
type recording struct {
	*otlptrace.Exporter
	sent []object
}

func (r *recording) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := r.Exporter.ExportSpans(ctx, spans); err != nil {
		log.Fatal(err)
	}
	for _, span := range spans {
		r.sent = append(r.sent, report(span))
	}
	return nil
}

func value(key string, given object) attribute.KeyValue {
	for kind, inner := range given {
		switch kind {
		case "stringValue":
			return attribute.String(key, inner.(string))
		case "boolValue":
			return attribute.Bool(key, inner.(bool))
		case "doubleValue":
			return attribute.Float64(key, inner.(float64))
		case "intValue":
			return attribute.Int64(key, parsed(inner))
		case "arrayValue":
			return list(key, inner.(object)["values"].([]any))
		}
	}
	log.Fatalf("%s has no value", key)
	panic("unreachable")
}

func parsed(digits any) int64 {
	number, err := strconv.ParseInt(digits.(string), 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	return number
}

func list(key string, values []any) attribute.KeyValue {
	texts, ints, doubles, bools := []string{}, []int64{}, []float64{}, []bool{}
	for _, item := range values {
		for kind, inner := range item.(object) {
			switch kind {
			case "stringValue":
				texts = append(texts, inner.(string))
			case "intValue":
				ints = append(ints, parsed(inner))
			case "doubleValue":
				doubles = append(doubles, inner.(float64))
			case "boolValue":
				bools = append(bools, inner.(bool))
			}
		}
	}
	switch {
	case len(ints) > 0:
		return attribute.Int64Slice(key, ints)
	case len(doubles) > 0:
		return attribute.Float64Slice(key, doubles)
	case len(bools) > 0:
		return attribute.BoolSlice(key, bools)
	}
	return attribute.StringSlice(key, texts)
}

func values() []attribute.KeyValue {
	text, err := os.ReadFile(os.Getenv("COMPAT_VALUES"))
	if err != nil {
		log.Fatal(err)
	}
	var given map[string]object
	if err := json.Unmarshal(text, &given); err != nil {
		log.Fatal(err)
	}
	var all []attribute.KeyValue
	for key, any := range given {
		all = append(all, value(key, any))
	}
	return all
}

func send(ctx context.Context, tracer trace.Tracer) {
	values := values()
	for number := range traces {
		in, parent := tracer.Start(ctx, "parent", trace.WithSpanKind(trace.SpanKindServer))
		link := trace.Link{SpanContext: parent.SpanContext(), Attributes: append(slices.Clone(values), attribute.Int("link.number", number))}
		_, child := tracer.Start(in, "child", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(values...), trace.WithLinks(link))
		child.AddEvent("event", trace.WithAttributes(values...))
		child.AddEvent("bare")
		child.End()
		switch number % 3 {
		case 0:
			parent.SetStatus(codes.Error, "it \"failed\" 🏦\n")
		case 1:
			parent.SetStatus(codes.Ok, "")
		}
		parent.End()
	}
	state, err := trace.ParseTraceState("a=b,c=d")
	if err != nil {
		log.Fatal(err)
	}
	id, err := trace.TraceIDFromHex(fmt.Sprintf("0102030405060708090a0b0e%08x", os.Getpid()))
	if err != nil {
		log.Fatal(err)
	}
	remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18},
		TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true})
	in, span := tracer.Start(trace.ContextWithRemoteSpanContext(ctx, remote), "from afar", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(trace.Link{SpanContext: remote}))
	for kind := trace.SpanKindInternal; kind <= trace.SpanKindConsumer; kind++ {
		_, inner := tracer.Start(in, "kind "+kind.String(), trace.WithSpanKind(kind))
		inner.End()
	}
	span.End()
}

func main() {
	ctx := context.Background()
	inner, err := exporter(ctx)
	if err != nil {
		log.Fatal(err)
	}
	recording := &recording{Exporter: inner}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(recording))
	send(ctx, provider.Tracer("compat", trace.WithInstrumentationVersion("1.0")))
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	if len(recording.sent) != 2*traces+6 {
		log.Fatalf("%d spans were sent", len(recording.sent))
	}
	file, err := os.Create(os.Getenv("COMPAT_OUT"))
	if err != nil {
		log.Fatal(err)
	}
	lines := json.NewEncoder(file)
	for _, span := range recording.sent {
		if err := lines.Encode(span); err != nil {
			log.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
}
