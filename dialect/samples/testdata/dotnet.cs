// What Mono lacks of .NET 8, as far as the samples use it, so that they can be run there.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Web.Script.Serialization;

public static class Dispatch
{
    public static void Main(string[] args)
    {
        Type.GetType(args[0]).GetMethod("Main").Invoke(null, null);
    }
}

public static class Shim
{
    public static string ToHexString(byte[] bytes)
    {
        return BitConverter.ToString(bytes).Replace("-", "");
    }

    public static byte[] FromHexString(string text)
    {
        if (text.Length % 2 != 0) throw new FormatException();
        return Enumerable.Range(0, text.Length / 2).Select(i => Convert.ToByte(text.Substring(2 * i, 2), 16)).ToArray();
    }
}

namespace System.Security.Cryptography
{
    public static class CryptographicOperations
    {
        public static bool FixedTimeEquals(byte[] a, byte[] b)
        {
            return a.SequenceEqual(b);
        }
    }
}

namespace System.Text.Json
{
    public enum JsonValueKind { Undefined, Object, Array, String, Number, True, False, Null }

    // Numbers are quoted before the parser, which would not keep how they are written.
    public class JsonDocument : IDisposable
    {
        public JsonElement RootElement;

        public static JsonDocument Parse(byte[] body)
        {
            var text = new StringBuilder();
            var json = Encoding.UTF8.GetString(body);
            for (var i = 0; i < json.Length;)
            {
                var end = i + 1;
                if (json[i] == '"')
                {
                    while (json[end] != '"') end += json[end] == '\\' ? 2 : 1;
                    end++;
                    text.Append("\"s" + json.Substring(i + 1, end - i - 1));
                }
                else if (json[i] == '-' || char.IsDigit(json[i]))
                {
                    while (end < json.Length && "0123456789+-.eE".IndexOf(json[end]) >= 0) end++;
                    text.Append("\"n" + json.Substring(i, end - i) + "\"");
                }
                else text.Append(json[i]);
                i = end;
            }
            var serializer = new JavaScriptSerializer { MaxJsonLength = int.MaxValue };
            return new JsonDocument { RootElement = new JsonElement(serializer.DeserializeObject(text.ToString())) };
        }

        public void Dispose() { }
    }

    public struct JsonElement
    {
        readonly object value;

        public JsonElement(object value) { this.value = value; }

        public JsonValueKind ValueKind
        {
            get
            {
                if (value is Dictionary<string, object>) return JsonValueKind.Object;
                if (value is bool) return (bool)value ? JsonValueKind.True : JsonValueKind.False;
                var text = value as string;
                if (text != null) return text[0] == 's' ? JsonValueKind.String : JsonValueKind.Number;
                return value == null ? JsonValueKind.Null : JsonValueKind.Array;
            }
        }

        public bool TryGetProperty(string name, out JsonElement found)
        {
            object member;
            var ok = ((Dictionary<string, object>)value).TryGetValue("s" + name, out member);
            found = new JsonElement(member);
            return ok;
        }

        public string GetString() { return ((string)value).Substring(1); }

        public string GetRawText() { return value is bool ? ((bool)value ? "true" : "false") : ((string)value).Substring(1); }
    }
}
