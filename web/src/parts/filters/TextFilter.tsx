import { TextInput } from "@mantine/core";
import { useEffect, useState } from "react";

interface TextFilterProps {
  label: string;
  placeholder: string;
  value: string | undefined;
  /** What is wrong with the value. */
  error?: string;
  onChange(text: string | undefined): void;
}

/** A filter by free text; it counts on Enter, and when the field is left. */
export function TextFilter({ label, placeholder, value, error, onChange }: TextFilterProps) {
  const [text, setText] = useState(value ?? "");
  useEffect(() => setText(value ?? ""), [value]);
  function commit() {
    const given = text.trim();
    if (given !== (value ?? "")) onChange(given || undefined);
  }
  return (
    <TextInput
      aria-label={label}
      placeholder={placeholder}
      w={{ base: "100%", xs: 220 }}
      value={text}
      error={error}
      errorProps={{ role: "alert" }}
      onChange={(e) => setText(e.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(e) => {
        if (e.key === "Enter") commit();
      }}
    />
  );
}
