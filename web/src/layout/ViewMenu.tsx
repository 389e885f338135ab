import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, Menu, useMantineColorScheme } from "@mantine/core";
import { IconAdjustmentsHorizontal, IconBaselineDensityMedium, IconBaselineDensitySmall, IconClock, IconDeviceDesktop, IconKeyboard, IconLanguage, IconMoon, IconSun, IconWorld } from "@tabler/icons-react";
import type { ComponentType } from "react";
import { change, type Language, language, languages } from "../language/language.ts";
import { choose, useChoices } from "../lib/choices.ts";

const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** How pages look: language, theme, zone of times, lines of lists. It is kept in this browser. */
export default function ViewMenu({ onKeys }: { onKeys(): void }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { zone, rows } = useChoices();
  return (
    <Menu position="bottom-end" closeOnItemClick={false} withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t({ message: "View", context: "how pages look" })} title={t`How pages look: language, theme, time zone, lines`}><IconAdjustmentsHorizontal size={18} stroke={1.6} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label><Trans>Language</Trans></Menu.Label>
        {Object.entries(languages).map(([code, name]) => (
          <Choice key={code} icon={IconLanguage} label={name} lang={code} on={code === language()} choose={() => void change(code as Language)} />
        ))}
        <Menu.Label><Trans>Theme</Trans></Menu.Label>
        <Choice icon={IconDeviceDesktop} label={t`As the device`} on={colorScheme === "auto"} choose={() => setColorScheme("auto")} />
        <Choice icon={IconSun} label={t`Light`} on={colorScheme === "light"} choose={() => setColorScheme("light")} />
        <Choice icon={IconMoon} label={t`Dark`} on={colorScheme === "dark"} choose={() => setColorScheme("dark")} />
        <Menu.Label><Trans>Times</Trans></Menu.Label>
        <Choice icon={IconClock} label={t`Your time zone (${ownZone})`} on={zone === "local"} choose={() => choose({ zone: "local" })} />
        <Choice icon={IconWorld} label="UTC" on={zone === "utc"} choose={() => choose({ zone: "utc" })} />
        <Menu.Label><Trans>Lists</Trans></Menu.Label>
        <Choice icon={IconBaselineDensityMedium} label={t`Roomy lines`} on={rows === "roomy"} choose={() => choose({ rows: "roomy" })} />
        <Choice icon={IconBaselineDensitySmall} label={t`Dense lines`} on={rows === "dense"} choose={() => choose({ rows: "dense" })} />
        <Menu.Divider />
        <Menu.Item closeMenuOnClick leftSection={<IconKeyboard size={16} />} onClick={onKeys}><Trans>Keyboard</Trans></Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Choice({ icon: Icon, label, lang, on, choose }: { icon: ComponentType<{ size?: number }>; label: string; lang?: string; on: boolean; choose(): void }) {
  return (
    <Menu.Item lang={lang} role="menuitemradio" aria-checked={on} leftSection={<Icon size={16} />} rightSection={<span aria-hidden>{on ? "✓" : ""}</span>} onClick={choose}>
      {label}
    </Menu.Item>
  );
}
