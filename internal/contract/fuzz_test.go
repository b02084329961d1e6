package contract_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/repoexpert/operator/internal/contract"
)

// What comes up was written beside untrusted code. No text may break a parser,
// and what it takes must mean the same when it is written again.

func FuzzParseSpec(f *testing.F) {
	whole, err := contract.EncodeSpec(specification())
	if err != nil {
		f.Fatal(err)
	}
	for _, value := range []string{whole, whole[:len(whole)/2], "{}", "null", strings.Repeat("[", 1000), "\xff"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want, err := contract.ParseSpec(value)
		if err != nil {
			return
		}
		again, err := contract.EncodeSpec(want)
		if err != nil { // JSON writes some bytes as six, so it may not fit
			return
		}
		got, err := contract.ParseSpec(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseResult(f *testing.F) {
	whole, err := contract.EncodeResult(result())
	if err != nil {
		f.Fatal(err)
	}
	for _, raw := range []string{string(whole), string(whole[:len(whole)/2]), `{"v":1,"counts":{"a":-1}}`, `{"v":0}`, "null", "\xff"} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, err := contract.ParseResult(raw)
		if err != nil {
			return
		}
		again, err := contract.EncodeResult(want)
		if err != nil { // JSON writes some bytes as six, so it may not fit
			return
		}
		got, err := contract.ParseResult(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		checkShortened(t, want, got)
		want.Version, want.Message, want.Counts = contract.Version, got.Message, got.Counts
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	whole, named, err := contract.EncodeRecord(record())
	if err != nil {
		f.Fatal(err)
	}
	text := strings.TrimPrefix(whole, contract.RecordPrefix)
	for _, text := range []string{text, text[:len(text)/2], `{"kinds":[]}`, "null", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := contract.RecordPrefix + text
		if _, err := contract.ParseRecord(line, named); err == nil && line != whole {
			t.Fatalf("%q is taken for another line", line)
		}
		want, err := contract.ParseRecord(line, digestOf(line))
		if err != nil {
			return
		}
		again, digest, err := contract.EncodeRecord(want)
		if err != nil { // JSON writes some bytes as six, so it may not fit
			return
		}
		got, err := contract.ParseRecord(again, digest)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseProgress(f *testing.F) {
	whole, err := contract.EncodeProgress(contract.Progress{Step: 1, Total: 2, ETASeconds: 3, Message: "<epoch 1>"})
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range []string{whole, whole[:len(whole)/2], whole + whole, contract.ProgressPrefix + "null", "\xff"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		want, err := contract.ParseProgress(line)
		if err != nil {
			return
		}
		again, err := contract.EncodeProgress(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := contract.ParseProgress(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
