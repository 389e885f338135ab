import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, type MantineColorScheme, Menu, useMantineColorScheme } from "@mantine/core";
import { IconAdjustmentsHorizontal, IconKeyboard } from "@tabler/icons-react";
import { change, type Language, language, languages } from "../language/language.ts";
import { choose, type Choices, useChoices } from "../lib/choices.ts";

const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** How pages look: language, theme, zone of times, lines of lists. It is kept in this browser. */
export default function ViewMenu({ onKeys }: { onKeys(): void }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { zone, rows } = useChoices();
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t({ message: "View", context: "how pages look" })} title={t`How pages look: language, theme, time zone, lines`}><IconAdjustmentsHorizontal size={18} stroke={1.6} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.RadioGroup value={language()} onChange={(value) => void change(value as Language)}>
          <Menu.Label><Trans>Language</Trans></Menu.Label>
          {Object.entries(languages).map(([code, name]) => <Menu.RadioItem key={code} value={code} lang={code}>{name}</Menu.RadioItem>)}
        </Menu.RadioGroup>
        <Menu.RadioGroup value={colorScheme} onChange={(value) => setColorScheme(value as MantineColorScheme)}>
          <Menu.Label><Trans>Theme</Trans></Menu.Label>
          <Menu.RadioItem value="auto"><Trans>As the device</Trans></Menu.RadioItem>
          <Menu.RadioItem value="light"><Trans>Light</Trans></Menu.RadioItem>
          <Menu.RadioItem value="dark"><Trans>Dark</Trans></Menu.RadioItem>
        </Menu.RadioGroup>
        <Menu.RadioGroup value={zone} onChange={(value) => choose({ zone: value as Choices["zone"] })}>
          <Menu.Label><Trans>Times</Trans></Menu.Label>
          <Menu.RadioItem value="local"><Trans>Your time zone ({ownZone})</Trans></Menu.RadioItem>
          <Menu.RadioItem value="utc">UTC</Menu.RadioItem>
        </Menu.RadioGroup>
        <Menu.RadioGroup value={rows} onChange={(value) => choose({ rows: value as Choices["rows"] })}>
          <Menu.Label><Trans>Lists</Trans></Menu.Label>
          <Menu.RadioItem value="roomy"><Trans>Roomy lines</Trans></Menu.RadioItem>
          <Menu.RadioItem value="dense"><Trans>Dense lines</Trans></Menu.RadioItem>
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={onKeys}><Trans>Keyboard</Trans></Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
