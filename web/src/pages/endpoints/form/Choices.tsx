import { Group, Radio, SimpleGrid, Text } from "@mantine/core";
import classes from "./Choices.module.css";

interface ChoicesProps {
  choices: { value: string; title: string; hint: string }[];
  columns: number;
}

/** Cards of which one is chosen; they stand within a Radio.Group. */
export function Choices({ choices, columns }: ChoicesProps) {
  return (
    <SimpleGrid cols={{ base: 1, sm: Math.min(columns, 2), lg: columns }} spacing="xs" mt={6}>
      {choices.map((c) => (
        <Radio.Card key={c.value} value={c.value} className={classes.card} aria-label={`${c.title}. ${c.hint}`}>
          <Group wrap="nowrap" align="flex-start" gap="sm">
            <Radio.Indicator mt={1} className={classes.indicator} />
            <div>
              <Text size="sm" fw={600}>{c.title}</Text>
              <Text size="xs" c="dimmed">{c.hint}</Text>
            </div>
          </Group>
        </Radio.Card>
      ))}
    </SimpleGrid>
  );
}
