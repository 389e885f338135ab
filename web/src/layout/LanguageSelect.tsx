import { t } from "@lingui/core/macro";
import { NativeSelect } from "@mantine/core";
import { IconWorld } from "@tabler/icons-react";
import { change, language, type Language, languages } from "../language/language.ts";

/** The language of the page, each named in itself. */
export default function LanguageSelect() {
  return (
    <NativeSelect
      size="xs"
      mx="xs"
      my={6}
      variant="unstyled"
      aria-label={t`Language`}
      leftSection={<IconWorld size={18} stroke={1.6} />}
      value={language()}
      onChange={(e) => change(e.currentTarget.value as Language)}
      data={Object.entries(languages).map(([value, label]) => ({ value, label }))}
    />
  );
}
